package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errDown = errors.New("the database is down")

// shelf is a store in memory that may be down.
type shelf struct {
	mu      sync.Mutex
	entries map[string]store.Entry
	down    bool
}

func (s *shelf) Write(_ context.Context, b *store.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return errDown
	}
	for _, e := range b.Entries {
		if _, there := s.entries[e.ID]; !there {
			s.entries[e.ID] = e
		}
	}
	return nil
}

func (s *shelf) Journal(_ context.Context, subject string, before int64, limit int) ([]store.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return nil, errDown
	}
	var found []store.Entry
	for _, e := range s.entries {
		if (subject == "" || subject == e.Subject) && (before == 0 || e.At < before) {
			found = append(found, e)
		}
	}
	slices.SortFunc(found, func(a, b store.Entry) int { return cmp.Or(cmp.Compare(b.At, a.At), cmp.Compare(a.ID, b.ID)) })
	return found[:min(len(found), limit)], nil
}

func (s *shelf) turn(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

var start = time.Unix(1_795_255_200, 0)

func about(id string) Subject { return Subject{Kind: KindIncident, ID: id} }

// read goes through all pages.
func read(t require.TestingT, j *Journal, q Query, between func()) []Entry {
	var all []Entry
	for range 1000 {
		page, err := j.List(context.Background(), q)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page.Entries), q.Limit)
		all = append(all, page.Entries...)
		if page.Next == nil {
			return all
		}
		require.NotEmpty(t, page.Entries)
		q.After = page.Next
		between()
	}
	require.FailNow(t, "the list never ends")
	return nil
}

// TestEveryEntryIsInOnePage: several collectors write, some at the same time and some while the store is down; whoever reads page by page
// meets each entry of before once, in order, with what became of it.
func TestEveryEntryIsInOnePage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		s := &shelf{entries: map[string]store.Entry{}}
		writers := []*Journal{New(), New(), New()}
		for i, j := range writers {
			j.Keep(s, fmt.Sprint("c", i))
		}
		now := start
		var want []Entry
		for range rapid.IntRange(0, 120).Draw(t, "entries") {
			if rapid.Bool().Draw(t, "later") {
				now = now.Add(time.Millisecond)
			}
			j := rapid.SampledFrom(writers).Draw(t, "writer")
			e, err := j.Add(ctx, now, Entry{
				Action:  rapid.SampledFrom([]string{ActionNote, "mute", "retry"}).Draw(t, "action"),
				Subject: about(rapid.SampledFrom([]string{"a", "b", "\xff\x00"}).Draw(t, "subject")), Note: "because",
			})
			require.NoError(t, err)
			require.True(t, e.Kept)
			if e.Action != ActionNote && rapid.Bool().Draw(t, "resolved") {
				e, err = rapid.SampledFrom(writers).Draw(t, "resolver").Resolve(ctx, now, e, rapid.SampledFrom([]string{"", "too late"}).Draw(t, "refusal"))
				require.NoError(t, err)
			}
			want = append(want, e)
		}
		q := Query{Limit: rapid.IntRange(1, 30).Draw(t, "limit"), Now: now.UnixNano(), Notes: rapid.Bool().Draw(t, "notes")}
		if rapid.Bool().Draw(t, "by subject") {
			q.Subjects = []Subject{about("a"), about("\xff\x00")}
		}
		want = slices.DeleteFunc(want, func(e Entry) bool {
			return (q.Notes && e.Action != ActionNote) || (q.Subjects != nil && !slices.Contains(q.Subjects, e.Subject))
		})
		slices.SortFunc(want, func(a, b Entry) int { return a.Position().Compare(b.Position()) })
		got := read(t, rapid.SampledFrom(writers).Draw(t, "reader"), q, func() {
			now = now.Add(time.Second)
			_, err := writers[0].Add(ctx, now, Entry{Action: "mute", Subject: about("a")})
			require.NoError(t, err)
		})
		require.Len(t, got, len(want))
		for i := range want {
			require.Equal(t, want[i], got[i])
		}
	})
}

func TestWhatTheStoreDidNotTakeFollows(t *testing.T) {
	ctx := t.Context()
	s := &shelf{entries: map[string]store.Entry{}}
	j := New()
	before, err := j.Add(ctx, start, Entry{Action: ActionNote, Subject: about("a"), Note: "before there was a store"})
	require.NoError(t, err)
	require.False(t, before.Kept)
	page, err := j.List(ctx, Query{Limit: 9})
	require.NoError(t, err)
	require.True(t, page.Forgotten)
	require.Len(t, page.Entries, 1)

	j.Keep(s, "c1")
	s.turn(true)
	asked, err := j.Add(ctx, start.Add(time.Second), Entry{Action: "mute", Subject: about("a"), By: "ann"})
	require.ErrorIs(t, err, errDown)
	_, err = j.Resolve(ctx, start.Add(2*time.Second), asked, "")
	require.ErrorIs(t, err, errDown)
	require.ErrorContains(t, j.Flush(ctx), "3 lines that are not kept")
	page, err = j.List(ctx, Query{Limit: 9})
	require.NoError(t, err)
	require.ErrorIs(t, page.Partial, errDown)
	require.Equal(t, []State{StateDone, StateDone}, []State{page.Entries[0].State, page.Entries[1].State})
	require.False(t, page.Entries[0].Kept)
	require.Equal(t, Stats{Recent: 3, Unkept: 3}, j.Stats())

	s.turn(false)
	require.NoError(t, j.Flush(ctx))
	require.NoError(t, j.Flush(ctx), "nothing is left")
	require.Equal(t, Stats{Recent: 3}, j.Stats())
	other := New()
	other.Keep(s, "c2")
	page, err = other.List(ctx, Query{Limit: 9})
	require.NoError(t, err)
	require.NoError(t, page.Partial)
	require.Len(t, page.Entries, 2)
	require.Equal(t, "ann", page.Entries[0].By)
	require.Equal(t, StateDone, page.Entries[0].State)
	require.True(t, page.Entries[0].Kept)
	require.Equal(t, "c1", page.Entries[0].Collector)
}

func TestPendingActionsExpire(t *testing.T) {
	ctx := t.Context()
	j := New()
	e, err := j.Add(ctx, start, Entry{Action: "mute", Subject: about("a")})
	require.NoError(t, err)
	for after, want := range map[time.Duration]State{0: StatePending, Patience: StatePending, Patience + 1: StateExpired} {
		got, err := j.Result(ctx, e, start.Add(after).UnixNano())
		require.NoError(t, err)
		require.Equal(t, want, got.State)
	}
	_, err = j.Resolve(ctx, start, e, "no such incident")
	require.NoError(t, err)
	got, err := j.Result(ctx, e, start.UnixNano())
	require.NoError(t, err)
	require.Equal(t, StateRefused, got.State)
	require.Equal(t, "no such incident", got.Refusal)
}

func TestSinceEndsTheReading(t *testing.T) {
	ctx := t.Context()
	s := &counting{shelf: shelf{entries: map[string]store.Entry{}}}
	j := New()
	j.Keep(s, "c")
	for i := range 500 {
		_, err := j.Add(ctx, start.Add(time.Duration(i)*time.Second), Entry{Action: ActionNote, Subject: about("a"), Note: "n"})
		require.NoError(t, err)
	}
	page, err := j.List(ctx, Query{Limit: 1000, Since: start.Add(490 * time.Second).UnixNano()})
	require.NoError(t, err)
	require.Len(t, page.Entries, 10)
	require.Nil(t, page.Next)
	require.Equal(t, linesAtOnce+linesMore, s.lines)
}

// counting counts the lines that it gave.
type counting struct {
	shelf
	lines int
}

func (c *counting) Journal(ctx context.Context, subject string, before int64, limit int) ([]store.Entry, error) {
	found, err := c.shelf.Journal(ctx, subject, before, limit)
	c.lines += len(found)
	return found, err
}

func TestMemoryIsBounded(t *testing.T) {
	ctx := t.Context()
	s := &shelf{entries: map[string]store.Entry{}, down: true}
	j := New()
	j.Keep(s, "c")
	for range MaxRecent + 7 {
		_, err := j.Add(ctx, start, Entry{Action: ActionNote, Subject: about("a"), Note: "n"})
		require.ErrorIs(t, err, errDown)
	}
	require.Equal(t, Stats{Recent: MaxRecent, Unkept: MaxRecent, Dropped: 7}, j.Stats())
}

func TestEntriesAreValidated(t *testing.T) {
	j := New()
	for want, e := range map[string]Entry{
		"`action` is missing":                {},
		"`note` is empty":                    {Action: ActionNote},
		"`note` is not UTF-8":                {Action: ActionNote, Note: "\xff"},
		"`note` has 16385 bytes, at most 16": {Action: ActionNote, Note: strings.Repeat("x", MaxNote+1)},
		"`by` has 257 bytes, at most 256":    {Action: "mute", By: strings.Repeat("x", 257)},
		"`action` has 300 bytes":             {Action: strings.Repeat("x", 300)},
	} {
		_, err := j.Add(t.Context(), start, e)
		require.ErrorIs(t, err, ErrInvalid)
		require.ErrorContains(t, err, want)
	}
	require.Zero(t, j.Stats().Recent)
}

func TestALineOfALaterVersionShowsAsSuch(t *testing.T) {
	s := &shelf{entries: map[string]store.Entry{
		"x": {ID: "x", At: 7, Subject: "s", Data: []byte(`{"v":2,"anything":[]}`)},
		"y": {ID: "y", At: 6, Subject: "s", Data: []byte(`junk`)},
	}}
	j := New()
	j.Keep(s, "c")
	page, err := j.List(t.Context(), Query{Limit: 9})
	require.NoError(t, err)
	require.Len(t, page.Entries, 2)
	require.Contains(t, page.Entries[0].Refusal, "written by a newer version: a line of the journal of version 2, this program knows 1")
	require.Contains(t, page.Entries[1].Refusal, "corrupt")
	require.Equal(t, "unreadable", page.Entries[0].Action)
}

func TestAnEndedContextEndsTheReading(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := New().List(ctx, Query{Limit: 1})
	require.ErrorIs(t, err, context.Canceled)
	_, err = New().Result(ctx, Entry{}, 0)
	require.ErrorIs(t, err, context.Canceled)
}

// FuzzLine holds that whatever the store has is read as an entry or refused with one of the store's errors.
func FuzzLine(f *testing.F) {
	e := Entry{ID: "x", Action: "mute", Subject: Subject{KindOperation, "tenant", "\xff"}, By: "ann", Note: "n", Until: 7, State: StatePending}
	request, result := encode(&e), encodeResult(&Entry{ID: "x", State: StateRefused, Refusal: "no"})
	f.Add(request.Data)
	f.Add(result.Data)
	f.Add([]byte(`{"v":2}`))
	f.Add([]byte(`{"v":1,"state":"x"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := decode(data)
		if err != nil {
			require.True(t, errors.Is(err, store.ErrNewer) || errors.Is(err, store.ErrCorrupt), err)
			return
		}
		read := l.entry(&store.Entry{ID: "i", At: 1})
		again := encode(&read)
		back, err := decode(again.Data)
		require.NoError(t, err)
		require.Equal(t, read, back.entry(&again))
	})
}

func TestTheFormatIsPinned(t *testing.T) {
	e := Entry{
		ID: "x", At: 5, Action: "mute", Subject: Subject{KindOperation, "tenant", "order"}, By: "ann", Note: "n", Until: 7, State: StatePending, Collector: "c",
	}
	require.JSONEq(t, `{"v":1,"action":"mute","kind":"operation","namespace":"dGVuYW50","subject":"b3JkZXI=","by":"ann","note":"n","until":7,"collector":"c","state":"pending"}`,
		string(encode(&e).Data))
	require.Equal(t, "operation/7dc6aa83011c3a4b8b53f4264035fd69", encode(&e).Subject)
	require.Equal(t, store.Entry{ID: "result/x", At: 9, Subject: "result/x", Data: []byte(`{"v":1,"state":"refused","of":"x","refusal":"no"}`)},
		encodeResult(&Entry{ID: "x", DoneAt: 9, State: StateRefused, Refusal: "no"}))
}
