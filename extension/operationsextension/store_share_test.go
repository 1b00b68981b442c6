package operationsextension

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"

	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/store"
	"github.com/throughline/throughline/internal/store/sqlite"
)

// database is a store that several collectors share, with roles by the clock of the test.
type database struct {
	store.Store

	mu     sync.Mutex
	holder store.Tenure // guarded by mu
	away   bool         // guarded by mu
}

func newDatabase(t *testing.T) *database {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Settings{Path: filepath.Join(t.TempDir(), "store.db")})
	require.NoError(t, err)
	return &database{Store: s}
}

func (d *database) setAway(away bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.away = away
}

func (d *database) Claim(_ context.Context, role, collector string, lease time.Duration) (store.Tenure, bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.away:
		return store.Tenure{}, false, store.ErrUnavailable
	case d.holder.Collector != collector && time.Now().UnixNano() < d.holder.Until:
		return store.Tenure{}, false, nil
	case d.holder.Collector != collector:
		d.holder.Epoch++
	}
	d.holder.Role, d.holder.Collector, d.holder.Until = role, collector, time.Now().Add(lease).UnixNano()
	return d.holder, true, nil
}

func (d *database) Holder(context.Context, string) (store.Tenure, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.away:
		return store.Tenure{}, store.ErrUnavailable
	case d.holder.Epoch == 0:
		return store.Tenure{}, store.ErrNotFound
	}
	return d.holder, nil
}

func (d *database) Resign(_ context.Context, t store.Tenure) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t.Epoch != d.holder.Epoch {
		return store.ErrLost
	}
	d.holder.Until = 0
	return nil
}

// Write implements [store.Writer].
func (d *database) Write(ctx context.Context, b *store.Batch) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away {
		return store.ErrUnavailable
	}
	batch := *b
	if b.Role != nil && b.Role.Epoch != d.holder.Epoch {
		return store.ErrLost
	}
	batch.Role = nil
	return d.Store.Write(ctx, &batch)
}

// Close implements [store.Store]: others go on using it.
func (d *database) Close() error { return nil }

// joined starts a collector that shares the database.
func joined(t *testing.T, db *database, change func(*Config)) (*operations, *Subscription) {
	t.Helper()
	o, _ := kept(t, "", func(c *Config) {
		c.Store.Driver, c.Store.DSN = driverPostgres, "postgres://shared"
		if change != nil {
			change(c)
		}
	})
	o.durable.opener = func(context.Context) (store.Store, error) { return db, nil }
	require.NoError(t, o.Start(t.Context(), componenttest.NewNopHost()))
	s := o.Subscribe()
	require.NoError(t, o.Ready())
	return o, s
}

// drain returns what was published so far.
func drain(t *testing.T, s *Subscription) []Output {
	t.Helper()
	return told(t, s, time.Nanosecond)
}

func judges(all ...*operations) (n int) {
	for _, o := range all {
		if o.judging() {
			n++
		}
	}
	return n
}

// Facts of one operation come to different collectors; whoever judges is killed now and then.
func TestEveryTransitionIsToldOnceWhoeverJudges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase(t)
		var all []*operations
		var subs []*Subscription
		for range 3 {
			o, s := joined(t, db, nil)
			all, subs = append(all, o), append(subs, s)
		}
		counts := map[string]int{}
		count := func(outputs []Output) {
			for _, o := range outputs {
				for i := range o.Changes {
					if c := &o.Changes[i]; !c.Again {
						counts[fmt.Sprintf("%s %v", c.View.ID, c.Verdict.State)]++
					}
				}
			}
		}
		const operations = 90
		trace := func(i int) operation.TraceID { return operation.TraceID{7, byte(i)} }
		for i := range operations {
			f := sent(fmt.Sprint("o-", i), 1)
			f.Trace = trace(i)
			all[i%3].Apply(time.Now(), []operation.Fact{f}, nil)
			time.Sleep(time.Second / 2) // synctest: fake time
			if i%30 == 20 {
				for k, o := range all {
					if !o.judging() {
						continue
					}
					time.Sleep(2 * time.Second) // synctest: fake time; what it acknowledged is committed
					count(drain(t, subs[k]))
					kill(t, o)
					subs[k].Close()
					all[k], subs[k] = joined(t, db, nil)
					break
				}
			}
		}
		time.Sleep(2 * time.Minute) // synctest: fake time
		require.Equal(t, 1, judges(all...))
		for i := range operations {
			f := processed(1)
			f.Trace = trace(i)
			all[(i+1)%3].Apply(time.Now(), []operation.Fact{f}, nil)
		}
		time.Sleep(2 * time.Minute) // synctest: fake time
		for k, o := range all {
			record, err := o.Console().Operation(t.Context(), "", "o-1")
			require.NoError(t, err)
			require.Equal(t, operation.StateCompleted, record.Verdict.State, "everybody shows the same")
			count(drain(t, subs[k]))
		}
		for i := range operations {
			for _, state := range []operation.State{operation.StateStuck, operation.StateCompleted} {
				key := fmt.Sprintf("o-%d %v", i, state)
				require.Equal(t, 1, counts[key], key)
			}
		}
		for k, o := range all {
			end(t, o)
			subs[k].Close()
		}
		require.NoError(t, db.Store.Close())
	})
}

func TestTheRoleIsGivenUpAtAGracefulEndAndIncidentsGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase(t)
		first, s1 := joined(t, db, nil)
		time.Sleep(time.Second) // synctest: fake time
		second, s2 := joined(t, db, nil)
		first.Apply(time.Now(), []operation.Fact{sent("o-1", 1)}, nil)
		time.Sleep(2 * time.Minute) // synctest: fake time
		require.True(t, first.judging())
		require.False(t, second.judging())
		outputs := drain(t, s1)
		require.Equal(t, []string{"o-1 stuck/1"}, states(outputs))
		id := outputs[0].Incidents[0].Incident.ID
		i, err := second.Console().Incident(t.Context(), id)
		require.NoError(t, err, "a follower shows what the judge found")
		require.EqualValues(t, 1, i.Active)
		require.Empty(t, drain(t, s2), "it tells nobody")

		require.NoError(t, first.NotReady())
		s1.Close()
		require.NoError(t, first.Shutdown(t.Context()))
		time.Sleep(2 * time.Second) // synctest: fake time
		require.True(t, second.judging(), "nobody waits for the end of the lease")
		second.Apply(time.Now(), []operation.Fact{processed(1)}, nil)
		time.Sleep(2 * time.Minute) // synctest: fake time
		outputs = drain(t, s2)
		require.Equal(t, []string{"o-1 in_progress/2", "o-1 completed/3"}, states(outputs))
		require.NotContains(t, incidentsOf(outputs), "opened")
		require.Equal(t, "resolved", incidentsOf(outputs)[len(incidentsOf(outputs))-1])
		end(t, second)
		s2.Close()
		require.NoError(t, db.Store.Close())
	})
}

// While the database is away, the judge goes on judging and telling; nobody takes over, and nothing is lost afterwards.
func TestTheJudgeGoesOnWithoutTheDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase(t)
		judge, s1 := joined(t, db, nil)
		time.Sleep(time.Second) // synctest: fake time
		follower, s2 := joined(t, db, nil)
		time.Sleep(time.Second) // synctest: fake time
		db.setAway(true)
		judge.Apply(time.Now(), []operation.Fact{sent("o-1", 1)}, nil)
		follower.Apply(time.Now(), []operation.Fact{sent("o-2", 2)}, nil)
		time.Sleep(2 * time.Minute) // synctest: fake time
		require.Equal(t, []string{"o-1 stuck/1"}, states(drain(t, s1)))
		require.True(t, judge.durable.troubled())
		db.setAway(false)
		time.Sleep(time.Minute) // synctest: fake time
		require.False(t, judge.durable.troubled())
		require.True(t, judge.judging())
		require.False(t, follower.judging())
		require.Equal(t, []string{"o-2 stuck/1"}, states(drain(t, s1)))
		require.Empty(t, drain(t, s2))
		for _, o := range []*operations{judge, follower} {
			end(t, o)
		}
		s1.Close()
		s2.Close()
		require.NoError(t, db.Store.Close())
	})
}

// A collector that could not read for so long that rows may be gone by now begins anew: operations of which the end was told do not come back.
func TestWhoFellBehindReadsEverythingAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase(t)
		judge, s1 := joined(t, db, nil)
		time.Sleep(time.Second) // synctest: fake time
		behind := &deaf{Store: db}
		follower, logs := kept(t, "", func(c *Config) { c.Store.Driver, c.Store.DSN = driverPostgres, "postgres://shared" })
		follower.durable.opener = func(context.Context) (store.Store, error) { return behind, nil }
		require.NoError(t, follower.Start(t.Context(), componenttest.NewNopHost()))
		require.NoError(t, follower.Ready())
		time.Sleep(time.Second) // synctest: fake time
		synctest.Wait()
		behind.set(true)
		judge.Apply(time.Now(), []operation.Fact{sent("o-1", 1)}, nil)
		follower.Apply(time.Now(), []operation.Fact{sent("o-2", 2)}, nil)
		time.Sleep(time.Minute) // synctest: fake time
		_, held := follower.engine.Get("", "o-1")
		require.False(t, held)
		behind.set(false)
		time.Sleep(10 * time.Second) // synctest: fake time
		require.Equal(t, 1, logs.FilterMessageSnippet("reads everything anew").Len())
		for _, id := range []string{"o-1", "o-2"} {
			_, held = follower.engine.Get("", id)
			require.True(t, held, id)
		}
		require.NotEmpty(t, drain(t, s1))
		end(t, judge)
		s1.Close()
		time.Sleep(time.Second) // synctest: fake time
		require.True(t, follower.judging())
		end(t, follower)
		require.NoError(t, db.Store.Close())
	})
}

// deaf is a store whose log cannot be read at times.
type deaf struct {
	store.Store

	mu   sync.Mutex
	deaf bool // guarded by mu
}

func (d *deaf) set(deaf bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.deaf = deaf
}

func (d *deaf) Rows(ctx context.Context, after []store.Position) iter.Seq2[store.Row, error] {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.deaf {
		return func(yield func(store.Row, error) bool) { yield(store.Row{}, store.ErrUnavailable) }
	}
	return d.Store.Rows(ctx, after)
}
