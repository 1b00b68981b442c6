package operationsextension

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/audit"
	"github.com/throughline/throughline/internal/console"
	"github.com/throughline/throughline/internal/incident"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/store"
	"github.com/throughline/throughline/internal/store/sqlite"
)

// logbook is a store that has a journal and nothing else, in memory, so that it can be used in a bubble.
type logbook struct {
	store.Store
	lines *memoryLines
	down  *atomic.Bool
}

func (l logbook) Write(_ context.Context, b *store.Batch) error {
	if l.down.Load() {
		return store.ErrUnavailable
	}
	l.lines.add(b.Entries)
	return nil
}

func (l logbook) Journal(_ context.Context, subject string, before int64, limit int) ([]store.Entry, error) {
	if l.down.Load() {
		return nil, store.ErrUnavailable
	}
	return l.lines.list(subject, before, limit), nil
}

// openIncident makes an operation fail and returns the incident.
func openIncident(t *testing.T, o *operations) string {
	t.Helper()
	o.Apply(time.Now(), []operation.Fact{sent("o-1", 1), declined(1, 100)[0]}, nil)
	for {
		time.Sleep(time.Second) // synctest: fake time
		if list := o.incidents.List(); len(list) > 0 {
			return list[0].ID
		}
	}
}

func TestAnActionIsInTheJournalBeforeItIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := start(t, nil)
		id := openIncident(t, o)
		s := o.Console()
		i, err := s.ActOnIncident(t.Context(), id, incident.ActionMute, incident.Mark{By: "ann", Note: "known", Until: time.Now().Add(time.Hour).UnixNano()})
		require.NoError(t, err)
		require.Equal(t, "ann", i.Muted.By)
		_, err = s.ActOnIncident(t.Context(), "nobody", incident.ActionMute, incident.Mark{})
		require.ErrorIs(t, err, console.ErrNotFound)
		_, err = s.ActOnIncident(t.Context(), id, incident.ActionMute, incident.Mark{Until: 1})
		require.ErrorIs(t, err, incident.ErrPast)
		_, err = s.AddNote(t.Context(), audit.Subject{Kind: audit.KindOperation, ID: "o-1"}, "bob", "a note")
		require.NoError(t, err)
		_, err = s.AddNote(t.Context(), audit.Subject{Kind: audit.KindOperation, ID: "o-1"}, "bob", "")
		require.ErrorIs(t, err, audit.ErrInvalid)

		page, err := s.Actions(t.Context(), audit.Query{Limit: 9})
		require.NoError(t, err)
		require.True(t, page.Forgotten)
		require.Len(t, page.Entries, 2, "what makes no sense is not written")
		require.Equal(t, "a note", page.Entries[0].Note)
		muted := page.Entries[1]
		require.Equal(t, audit.StateDone, muted.State)
		require.Equal(t, i.Muted.At, muted.At)
		require.Equal(t, i.Muted.Until, muted.Until)
		require.NoError(t, o.carryOut(t.Context()), "without a store there is nothing to do")
	})
}

// TestTheJudgeDoesWhatAFollowerWasAsked: two collectors share a journal.
func TestTheJudgeDoesWhatAFollowerWasAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := logbook{lines: &memoryLines{}, down: &atomic.Bool{}}
		judge, _ := start(t, nil)
		follower, _ := start(t, nil)
		judge.useArchive(shared, "c-1", func() bool { return true })
		follower.useArchive(shared, "c-2", func() bool { return false })
		id := openIncident(t, judge)
		require.Equal(t, id, openIncident(t, follower))

		// Nobody carries it out: the answer is that it is pending.
		var pending *console.Pending
		_, err := follower.Console().ActOnIncident(t.Context(), id, incident.ActionMute, incident.Mark{By: "ann"})
		require.ErrorAs(t, err, &pending)
		require.True(t, pending.Entry.Kept)
		require.NoError(t, follower.carryOut(t.Context()))
		i, _ := follower.incidents.Get(id)
		require.Nil(t, i.Muted, "a follower does not act")

		require.NoError(t, judge.carryOut(t.Context()))
		i, _ = judge.incidents.Get(id)
		require.Equal(t, "ann", i.Muted.By)

		// The judge carries out while the answer waits.
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan struct{})
		go func() {
			defer close(done)
			ticker := time.NewTicker(time.Second)
			defer ticker.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-ticker.C:
					if err := judge.carryOut(ctx); err != nil && ctx.Err() == nil {
						t.Error(err)
					}
				}
			}
		}()
		i, err = follower.Console().ActOnIncident(t.Context(), id, incident.ActionAcknowledge, incident.Mark{By: "bob"})
		require.NoError(t, err)
		require.Equal(t, "bob", i.Acknowledged.By)
		acked, _ := judge.incidents.Get(id)
		require.Equal(t, i.Acknowledged, acked.Acknowledged)
		cancel()
		<-done

		// The store is away: the judge acts all the same and writes it down later; the follower says that it cannot.
		shared.down.Store(true)
		i, err = judge.Console().ActOnIncident(t.Context(), id, incident.ActionUnmute, incident.Mark{By: "eve"})
		require.NoError(t, err)
		require.Nil(t, i.Muted)
		var problem *console.Problem
		_, err = follower.Console().ActOnIncident(t.Context(), id, incident.ActionMute, incident.Mark{})
		require.ErrorAs(t, err, &problem)
		require.Equal(t, 503, problem.Status)
		require.ErrorIs(t, judge.carryOut(t.Context()), store.ErrUnavailable)
		shared.down.Store(false)
		require.NoError(t, judge.carryOut(t.Context()))
		page, err := follower.Console().Actions(t.Context(), audit.Query{Limit: 9})
		require.NoError(t, err)
		var unmutes int
		for _, e := range page.Entries {
			if e.Action == "unmute" {
				unmutes++
				require.Equal(t, audit.StateDone, e.State)
				require.True(t, e.Kept)
			}
		}
		require.Equal(t, 1, unmutes)
	})
}

func TestTheJudgeRefusesWhatMakesNoSense(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := logbook{lines: &memoryLines{}, down: &atomic.Bool{}}
		judge, _ := start(t, nil)
		follower, _ := start(t, nil)
		judge.useArchive(shared, "c-1", func() bool { return true })
		follower.useArchive(shared, "c-2", func() bool { return false })
		id := openIncident(t, follower)
		answer := make(chan error, 1)
		go func() {
			_, err := follower.Console().ActOnIncident(t.Context(), id, incident.ActionAcknowledge, incident.Mark{})
			answer <- err
		}()
		time.Sleep(time.Second) // synctest: fake time
		require.NoError(t, judge.carryOut(t.Context()))
		require.ErrorIs(t, <-answer, incident.ErrUnknown, "the judge does not know the incident")
	})
}

// TestWhatWasDoneBeforeAKillIsDoneAgain: the journal has it and the incident, which was saved before, does not show it.
func TestWhatWasDoneBeforeAKillIsDoneAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := logbook{lines: &memoryLines{}, down: &atomic.Bool{}}
		first, _ := start(t, nil)
		first.useArchive(shared, "c-1", func() bool { return true })
		id := openIncident(t, first)
		second, _ := start(t, nil)
		require.Equal(t, id, openIncident(t, second))
		act := func(a incident.Action, by string) {
			_, err := first.Console().ActOnIncident(t.Context(), id, a, incident.Mark{By: by})
			require.NoError(t, err)
		}
		act(incident.ActionMute, "ann")
		act(incident.ActionAcknowledge, "bob")
		act(incident.ActionUnmute, "ann")
		act(incident.ActionAcknowledge, "eve")

		second.useArchive(shared, "c-2", func() bool { return true })
		require.NoError(t, second.carryOut(t.Context()))
		i, _ := second.incidents.Get(id)
		require.Nil(t, i.Muted)
		require.Equal(t, "eve", i.Acknowledged.By)
		before := i.UpdatedAt
		require.NoError(t, second.carryOut(t.Context()))
		i, _ = second.incidents.Get(id)
		require.Equal(t, before, i.UpdatedAt, "once is enough")
	})
}

func TestMarksThatAnIncidentLacks(t *testing.T) {
	const opened, now = int64(100), int64(1000)
	mark := func(at int64) *incident.Mark { return &incident.Mark{At: at} }
	for name, tc := range map[string]struct {
		action incident.Action
		at     int64
		until  int64
		i      incident.Incident
		want   bool
	}{
		"acknowledged":                       {incident.ActionAcknowledge, 200, 0, incident.Incident{}, true},
		"acknowledged, and shown":            {incident.ActionAcknowledge, 200, 0, incident.Incident{Acknowledged: mark(200)}, false},
		"acknowledged later again":           {incident.ActionAcknowledge, 200, 0, incident.Incident{Acknowledged: mark(150)}, true},
		"acknowledged before this opening":   {incident.ActionAcknowledge, 50, 0, incident.Incident{}, false},
		"acknowledged, and resolved since":   {incident.ActionAcknowledge, 200, 0, incident.Incident{State: incident.StateResolved}, false},
		"acknowledged until a time that was": {incident.ActionAcknowledge, 200, 900, incident.Incident{}, false},
		"taken back":                         {incident.ActionUnacknowledge, 200, 0, incident.Incident{Acknowledged: mark(150)}, true},
		"taken back, and shown":              {incident.ActionUnacknowledge, 200, 0, incident.Incident{}, false},
		"muted":                              {incident.ActionMute, 200, 2000, incident.Incident{}, true},
		"muted for the next opening":         {incident.ActionMute, 200, 2000, incident.Incident{State: incident.StateResolved}, true},
		"muted until resolved":               {incident.ActionMute, 200, 0, incident.Incident{State: incident.StateResolved}, false},
		"unmuted":                            {incident.ActionUnmute, 200, 0, incident.Incident{Muted: mark(150)}, true},
		"unmuted, and muted again":           {incident.ActionUnmute, 200, 0, incident.Incident{Muted: mark(250)}, false},
	} {
		tc.i.OpenedAt = opened
		require.Equal(t, tc.want, unmarked(&tc.i, &audit.Entry{At: tc.at, Until: tc.until}, tc.action, now), name)
	}
}

// TestTheJournalOutlivesTheCollector: in a real file.
func TestTheJournalOutlivesTheCollector(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	for _, note := range []string{"first", "second"} {
		s, err := sqlite.Open(t.Context(), sqlite.Settings{Path: path})
		require.NoError(t, err)
		o, _ := start(t, nil)
		o.useArchive(s, "c-"+note, func() bool { return true })
		_, err = o.Console().AddNote(t.Context(), audit.Subject{Kind: audit.KindOperation, ID: "o-1"}, "ann", note)
		require.NoError(t, err)
		page, err := o.Console().Actions(t.Context(), audit.Query{Limit: 9})
		require.NoError(t, err)
		require.False(t, page.Forgotten)
		require.NoError(t, page.Partial)
		require.Equal(t, note, page.Entries[0].Note)
		require.True(t, page.Entries[0].Kept)
		if note == "second" {
			require.Equal(t, "first", page.Entries[1].Note)
			require.Equal(t, "c-first", page.Entries[1].Collector)
		}
		require.NoError(t, s.Close())
	}
}
