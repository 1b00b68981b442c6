package coverage

import (
	"iter"
	"sync"

	"github.com/throughline/throughline/internal/operation"
)

// The bounds.
const (
	// MaxServices and MaxDestinations are how many are told apart.
	MaxServices     = 1000
	MaxDestinations = 1000
	// Overflow is the name under which the services and destinations beyond the bounds are counted together.
	Overflow = "_other"
)

// Ledger counts records and operations. It is safe for concurrent use. For each record that is told, exactly one of these
// must happen: Attached or Lost with late false; or Waiting, and later one of them with late true.
type Ledger struct {
	mu   sync.Mutex
	book book // guarded by mu
	// recent is the account of the latest record and recentName its service: most follow one of the same service.
	recent     *account // guarded by mu
	recentName string   // guarded by mu
}

// NewLedger returns an empty ledger.
func NewLedger() *Ledger { return &Ledger{book: newBook()} }

// tally returns the account and the counts that a fact belongs to, nil if it is no record. Called with the lock held.
func (l *Ledger) tally(f *operation.Fact) (*account, *Tally, Group) {
	g, ok := groupOf(f)
	if !ok {
		return nil, nil, g
	}
	if l.recent == nil || f.Service != l.recentName {
		l.recent, l.recentName = l.book.account(f.Service), f.Service
	}
	return l.recent, &l.recent.tallies[g], g
}

// Attached counts a record that belongs to an operation by the reason in JoinedBy; late if it waited for that.
func (l *Ledger) Attached(f *operation.Fact, late bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, t, g := l.tally(f)
	if t == nil {
		return
	}
	if late {
		t.Waiting--
		t.Late++
	} else {
		t.Records++
		a.look(f, g)
	}
	t.Attached[f.JoinedBy]++
	if g.Messaging() && f.ID == "" {
		a.missing[CodeNoCorrelationID]++
	}
}

// Waiting counts a record whose operation is not known yet.
func (l *Ledger) Waiting(f *operation.Fact) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, t, g := l.tally(f)
	if t == nil {
		return
	}
	t.Records++
	t.Waiting++
	a.look(f, g)
}

// Lost counts a record that was given up; late if it waited before.
func (l *Ledger) Lost(f *operation.Fact, late bool, why Loss) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, t, g := l.tally(f)
	if t == nil {
		return
	}
	if late {
		t.Waiting--
	} else {
		t.Records++
		a.look(f, g)
	}
	t.Lost[why]++
	if g.Messaging() && why == LossNoOperation {
		a.missing[CodeNotAttached]++
	}
}

// Settled counts the operation of a change if it is over for the first time.
func (l *Ledger) Settled(c *operation.Change) {
	if c.Gone || c.FinalRevision != 1 || !c.Verdict.State.Final() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.book.settle(c.View)
}

// Report says how things stand. The operations that are stuck now are not over and may be so for ever; they are counted as
// if they were, in this report only. A nil sequence stands for none.
func (l *Ledger) Report(stuck iter.Seq[*operation.View]) Report {
	b := l.copy(MaxServices)
	if stuck != nil {
		for v := range stuck {
			b.settle(v)
		}
	}
	return b.report()
}

// First returns the first n services that were seen, in order of their names; further ones are counted together under
// Overflow. No count ever goes down from one call to the next, but Tally.Waiting.
func (l *Ledger) First(n int) []Service {
	b := l.copy(n)
	return b.report().Services
}

// Totals adds up the records of all services, by kind.
func (l *Ledger) Totals() [GroupCount]Tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	var totals [GroupCount]Tally
	for _, a := range l.book.services {
		for g := range a.tallies {
			totals[g].add(&a.tallies[g])
		}
	}
	return totals
}

func (l *Ledger) copy(n int) book {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.book.first(n)
}
