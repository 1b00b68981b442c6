package operationsextension

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/store"
	"github.com/throughline/throughline/internal/store/sqlite"
)

// kept makes an extension that keeps its state in a file, without starting it.
func kept(t *testing.T, path string, change func(*Config)) (*operations, *observer.ObservedLogs) {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.Store.Path = path
	if change != nil {
		change(cfg)
	}
	require.NoError(t, cfg.Validate())
	set := extensiontest.NewNopSettings(NewFactory().Type())
	core, logs := observer.New(zap.InfoLevel)
	set.Logger = zap.New(core)
	o, err := NewFactory().Create(t.Context(), set, cfg)
	require.NoError(t, err)
	return o.(*operations), logs
}

func startKept(t *testing.T, path string, change func(*Config)) *operations {
	t.Helper()
	o, _ := kept(t, path, change)
	require.NoError(t, o.Start(t.Context(), componenttest.NewNopHost()))
	return o
}

// kill ends an extension as a kill of the process does: nothing is said, nothing is committed any more.
func kill(t *testing.T, o *operations) {
	t.Helper()
	o.stop()
	o.durable.cancel()
	o.durable.loops.Wait()
	require.NoError(t, o.durable.close(t.Context()))
	o.telemetry.Shutdown()
}

func end(t *testing.T, o *operations) {
	t.Helper()
	require.NoError(t, o.NotReady())
	require.NoError(t, o.Shutdown(context.Background()))
}

// told drains what was published until nothing comes for a while.
func told(t *testing.T, s *Subscription, within time.Duration) (outputs []Output) {
	t.Helper()
	for {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		o, err := s.Next(ctx)
		cancel()
		if err != nil {
			return outputs
		}
		outputs = append(outputs, o)
	}
}

func states(outputs []Output) (states []string) {
	for _, o := range outputs {
		for i := range o.Changes {
			c := &o.Changes[i]
			again := ""
			if c.Again {
				again = " again"
			}
			states = append(states, fmt.Sprintf("%s %v/%d%s", c.View.ID, c.Verdict.State, c.Revision, again))
		}
	}
	return states
}

func incidentsOf(outputs []Output) (events []string) {
	for _, o := range outputs {
		for _, e := range o.Incidents {
			events = append(events, e.Kind.String())
		}
	}
	return events
}

func TestAKillForgetsNothingThatWasCommitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "folder", "store.db")
		batch := func(c *Config) { c.Store.Durability = durabilityBatch }
		o := startKept(t, path, batch)
		s := o.Subscribe()
		require.NoError(t, o.Ready())
		o.Apply(time.Now(), []operation.Fact{sent("o-1", 1)}, nil)
		require.NoError(t, o.Commit(t.Context()))
		require.Empty(t, told(t, s, 20*time.Second))
		kill(t, o)
		s.Close()

		o = startKept(t, path, batch)
		s = o.Subscribe()
		require.NoError(t, o.Ready())
		outputs := told(t, s, 2*time.Minute)
		require.Equal(t, []string{"o-1 stuck/1"}, states(outputs))
		require.Equal(t, []string{"opened"}, incidentsOf(outputs))
		opened := outputs[len(outputs)-1].Incidents[0].Incident
		kill(t, o)
		s.Close()

		// The incident goes on where it was.
		o = startKept(t, path, batch)
		s = o.Subscribe()
		i, err := o.Console().Incident(t.Context(), opened.ID)
		require.NoError(t, err)
		require.Equal(t, incident.StateOpen, i.State)
		require.EqualValues(t, 1, i.Active)
		require.NoError(t, o.Ready())
		o.Apply(time.Now(), []operation.Fact{processed(1)}, nil)
		outputs = told(t, s, 2*time.Minute)
		require.Equal(t, []string{"o-1 in_progress/2", "o-1 completed/3"}, states(outputs))
		require.NotContains(t, incidentsOf(outputs), "opened")
		require.Equal(t, "resolved", incidentsOf(outputs)[len(incidentsOf(outputs))-1])
		end(t, o)
		s.Close()

		o = startKept(t, path, batch)
		s = o.Subscribe()
		require.NoError(t, o.Ready())
		require.Empty(t, states(told(t, s, 2*time.Minute)), "all was told")
		end(t, o)
		s.Close()
	})
}

// What outputs had not dealt with when the collector was killed is told once more, with the same revision.
func TestWhatWasNotDealtWithIsToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "store.db")
		o := startKept(t, path, nil)
		s := o.Subscribe()
		require.NoError(t, o.Ready())
		o.Apply(time.Now(), []operation.Fact{sent("o-1", 1), sent("o-2", 2), processed(2)}, nil)
		stuck := next(t, s)
		for len(stuck.Incidents) == 0 {
			stuck = next(t, s)
		}
		time.Sleep(10 * time.Second) // synctest: fake time
		kill(t, o)
		s.Close()

		o = startKept(t, path, nil)
		s = o.Subscribe()
		consumer := operation.Consumer{Group: "worker", Service: "worker", Attempts: []operation.Attempt{{EndedAt: time.Now().UnixNano()}}}
		o.seen.Observe(&operation.View{Hops: []operation.Hop{{Destination: "orders", Consumers: []operation.Consumer{consumer}}}}, time.Now().UnixNano())
		require.NoError(t, o.Ready())
		again := told(t, s, time.Minute)
		require.Contains(t, states(again), "o-1 stuck/1 again")
		require.Equal(t, "opened", incidentsOf(again)[0])
		require.Equal(t, stuck.Incidents[0].Incident.Revision, again[0].Incidents[0].Incident.Revision)
		require.Equal(t, stuck.Changes[0].At, again[0].Changes[0].At)
		require.NotZero(t, stuck.Changes[0].Seen)
		require.Equal(t, stuck.Changes[0].Seen, again[0].Changes[0].Seen, "derived traces are the same")
		kill(t, o)
		s.Close()
	})
}

// What outputs had dealt with by the moment of a kill is not told again, though there was no sweep since.
func TestWhatWasDealtWithIsNotToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "store.db")
		o := startKept(t, path, nil)
		s := o.Subscribe()
		require.NoError(t, o.Ready())
		const all = pieceOf + 100
		facts := make([]operation.Fact, all)
		for i := range facts {
			facts[i] = sent(fmt.Sprintf("o-%03d", i), 0)
			facts[i].Trace, facts[i].Span = operation.TraceID{byte(i), byte(i >> 8), 1}, operation.SpanID{byte(i), byte(i >> 8), 1}
		}
		o.Apply(time.Now(), facts, nil)
		piece := next(t, s)
		for len(piece.Changes) < pieceOf {
			piece = next(t, s)
		}
		piece = next(t, s)
		require.Len(t, piece.Changes, all-pieceOf)
		require.NotEmpty(t, piece.Incidents, "incidents come last")
		synctest.Wait()
		kill(t, o)
		s.Close()

		// The first piece is dealt with, the second one is not.
		o = startKept(t, path, nil)
		s = o.Subscribe()
		require.NoError(t, o.Ready())
		again := next(t, s)
		require.Len(t, again.Changes, all-pieceOf)
		require.True(t, again.Changes[0].Again)
		_, err := s.Next(expired(t))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		synctest.Wait()
		kill(t, o)
		s.Close()

		o = startKept(t, path, nil)
		s = o.Subscribe()
		require.NoError(t, o.Ready())
		require.Empty(t, states(told(t, s, 10*time.Second)))
		kill(t, o)
		s.Close()
	})
}

// expired is a context that ends before there is another sweep.
func expired(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func TestAGracefulEndLosesNothingWithoutWaitingForTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "store.db")
		hourly := func(c *Config) { c.Store.Interval = time.Minute }
		o := startKept(t, path, hourly)
		require.NoError(t, o.Ready())
		o.Apply(time.Now(), []operation.Fact{sent("o-1", 1)}, nil)
		end(t, o)
		o = startKept(t, path, hourly)
		_, err := o.Console().Operation(t.Context(), "", "o-1")
		require.NoError(t, err)
		require.NoError(t, o.Shutdown(t.Context()))
	})
}

func TestAStoreOfANewerVersionIsRefusedAndACorruptOneLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	damage := []byte("this is no database, and it is long enough to be taken for one if nobody looks at the beginning of it......................")
	require.NoError(t, os.WriteFile(path, damage, 0o600))
	o, logs := kept(t, path, nil)
	require.NoError(t, o.Start(t.Context(), componenttest.NewNopHost()), "telemetry flows")
	require.NoError(t, o.Ready())
	require.True(t, o.judging())
	require.True(t, o.durable.troubled())
	require.Equal(t, 1, logs.FilterMessageSnippet("The store takes no commits").Len())
	o.Apply(time.Now(), []operation.Fact{sent("o-1", 1)}, nil)
	_, err := o.Console().Operation(t.Context(), "", "o-1")
	require.NoError(t, err)
	require.NoError(t, o.NotReady())
	require.NoError(t, o.Shutdown(t.Context()))
	left, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, damage, left)
}

func TestHistoryHasWhatWentWrongAndASampleOfTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := startKept(t, filepath.Join(t.TempDir(), "store.db"), func(c *Config) { c.Store.CompletedPercentage = 50 })
		require.NoError(t, o.Ready())
		const good = 200
		for i := range good {
			trace := operation.TraceID{9, byte(i)}
			for _, f := range []operation.Fact{sent(fmt.Sprint("good-", i), 1), processed(1)} {
				f.Trace = trace
				o.Apply(time.Now(), []operation.Fact{f}, nil)
			}
		}
		o.Apply(time.Now(), []operation.Fact{sent("bad", 1)}, nil)
		time.Sleep(2 * time.Minute) // synctest: fake time
		page, err := o.durable.place.get().List(t.Context(), store.Query{State: "completed", Limit: 1000})
		require.NoError(t, err)
		require.Greater(t, len(page.Records), good/4)
		require.Less(t, len(page.Records), 3*good/4)
		r, err := o.durable.place.get().Record(t.Context(), "", "bad")
		require.NoError(t, err)
		require.Equal(t, operation.StateStuck, r.State)
		require.Equal(t, []string{"orders"}, r.Destinations)
		facts, err := store.DecodeFacts(r.Facts)
		require.NoError(t, err)
		require.Len(t, facts, 1)
		end(t, o)
	})
}

// counted counts how often the journal is read.
type counted struct {
	store.Store

	journals atomic.Int64
}

func (c *counted) Journal(ctx context.Context, subject string, before int64, limit int) ([]store.Entry, error) {
	c.journals.Add(1)
	return c.Store.Journal(ctx, subject, before, limit)
}

func TestAJournalThatNobodyElseWritesIsReadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := kept(t, filepath.Join(t.TempDir(), "store.db"), nil)
		open, c := o.durable.opener, &counted{}
		o.durable.opener = func(ctx context.Context) (store.Store, error) {
			var err error
			c.Store, err = open(ctx)
			return c, err
		}
		require.NoError(t, o.Start(t.Context(), componenttest.NewNopHost()))
		require.NoError(t, o.Ready())
		time.Sleep(time.Hour) // synctest: fake time
		require.Equal(t, int64(1), c.journals.Load())
		end(t, o)
	})
}

func TestTheConfigurationOfTheStoreIsChecked(t *testing.T) {
	for _, c := range []struct {
		change func(*StoreConfig)
		says   string
	}{
		{func(s *StoreConfig) { s.Driver = "mysql" }, "`store::driver` is \"mysql\""},
		{func(s *StoreConfig) { s.DSN = "postgres://user:secret@db/x" }, "`store::dsn` is given"},
		{func(s *StoreConfig) { s.Driver = driverPostgres }, "`store::dsn` is empty"},
		{func(s *StoreConfig) { s.Driver, s.DSN, s.Path = driverPostgres, "postgres://db/x", "file" }, "`store::path` is \"file\""},
		{func(s *StoreConfig) { s.Path = "folder/" }, "`store::path` is \"folder/\""},
		{func(s *StoreConfig) { s.Durability = "always" }, "`store::durability` is \"always\""},
		{func(s *StoreConfig) { s.Durability = durabilityBatch }, "`store::durability` is \"batch\" and there is no store"},
		{func(s *StoreConfig) { s.WhenUnavailable = "panic" }, "`store::when_unavailable` is \"panic\""},
		{func(s *StoreConfig) { s.Interval = 0 }, "`store::interval` is 0s"},
		{func(s *StoreConfig) { s.CommitTimeout = time.Hour }, "`store::commit_timeout` is 1h0m0s"},
		{func(s *StoreConfig) { s.Lease = time.Millisecond }, "`store::lease` is 1ms"},
		{func(s *StoreConfig) { s.BufferMiB = 0 }, "`store::buffer_mib` is 0"},
		{func(s *StoreConfig) { s.Retention.Age = -1 }, "`store::retention::age` is -1ns"},
		{func(s *StoreConfig) { s.Retention.MaxMiB = -1 }, "`store::retention::max_mib` is -1"},
		{func(s *StoreConfig) { s.CompletedPercentage = 101 }, "`store::completed_percentage` is 101"},
	} {
		cfg := createDefaultConfig().(*Config)
		c.change(&cfg.Store)
		err := cfg.Validate()
		require.ErrorContains(t, err, c.says)
		require.NotContains(t, err.Error(), "secret")
	}
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, cfg.Validate())
	cfg.Store.Path, cfg.Storage = "store.db", &storageID
	require.ErrorContains(t, cfg.Validate(), "`storage` is \"memory_storage\", and there is a `store`")
}

// A file that cannot be opened says nothing of what is in it: what is known of operations since is not the whole of them.
func TestNothingIsJudgedTooSoonWithoutAStoreThatCannotBeOpened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "store.db")
		o := startKept(t, path, nil)
		require.NoError(t, o.Ready())
		o.Apply(time.Now(), []operation.Fact{sent("o-1", 1)}, nil)
		end(t, o)

		o, logs := kept(t, path, nil)
		var away atomic.Bool
		away.Store(true)
		open := o.durable.opener
		o.durable.opener = func(ctx context.Context) (store.Store, error) {
			if away.Load() {
				return nil, store.ErrUnavailable
			}
			return open(ctx)
		}
		require.NoError(t, o.Start(t.Context(), componenttest.NewNopHost()))
		s := o.Subscribe()
		require.NoError(t, o.Ready())
		o.Apply(time.Now(), []operation.Fact{processed(1)}, nil)
		time.Sleep(15 * time.Second) // synctest: fake time
		require.False(t, o.judging())
		require.Equal(t, 1, logs.FilterMessageSnippet("The store takes no commits").Len(), "it is told once")
		away.Store(false)
		time.Sleep(2 * time.Minute) // synctest: fake time
		require.True(t, o.judging())
		require.Equal(t, []string{"o-1 completed/1"}, states(drain(t, s)), "the whole of it was judged")
		require.Equal(t, 1, logs.FilterMessageSnippet("The store takes commits again").Len())
		end(t, o)
		s.Close()

		o, _ = kept(t, path, nil)
		o.durable.opener = func(context.Context) (store.Store, error) { return nil, store.ErrUnavailable }
		require.NoError(t, o.Start(t.Context(), componenttest.NewNopHost()))
		require.NoError(t, o.Ready())
		time.Sleep(30 * time.Second) // synctest: fake time
		require.True(t, o.judging(), "it does not wait for ever")
		require.NoError(t, o.NotReady())
		require.Error(t, o.Shutdown(t.Context()), "what was judged could not be committed")
	})
}

// What a file knows that cannot be written is known, and what comes meanwhile is written as soon as it can be.
func TestAFileThatCanOnlyBeReadIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	o := startKept(t, path, nil)
	require.NoError(t, o.Ready())
	o.Apply(time.Now(), []operation.Fact{sent("o-1", 1)}, nil)
	end(t, o)

	o, _ = kept(t, path, nil)
	var writable atomic.Bool
	open := o.durable.opener
	o.durable.opener = func(ctx context.Context) (store.Store, error) {
		if writable.Load() {
			return open(ctx)
		}
		if o.durable.place.get() != nil {
			return nil, store.ErrReadOnly
		}
		o.durable.readOnly.Store(true)
		return sqlite.OpenReadOnly(ctx, sqlite.Settings{Path: path})
	}
	require.NoError(t, o.Start(t.Context(), componenttest.NewNopHost()))
	require.True(t, o.judging())
	_, err := o.Console().Operation(t.Context(), "", "o-1")
	require.NoError(t, err)
	o.Apply(time.Now(), []operation.Fact{sent("o-2", 2)}, nil)
	require.ErrorIs(t, o.durable.writer.Commit(t.Context()), store.ErrReadOnly)
	require.NoError(t, o.durable.reopen(t.Context()))
	require.True(t, o.durable.readOnly.Load())
	writable.Store(true)
	require.NoError(t, o.durable.reopen(t.Context()))
	require.False(t, o.durable.readOnly.Load())
	require.NoError(t, o.Shutdown(t.Context()))

	o = startKept(t, path, nil)
	_, err = o.Console().Operation(t.Context(), "", "o-2")
	require.NoError(t, err)
	require.NoError(t, o.Shutdown(t.Context()))
}
