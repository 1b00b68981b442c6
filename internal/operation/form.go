package operation

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
)

// form is what facts from one place in a program have in common: all but times, IDs and free text. Forms have numbers as
// names have, so that most of a fact is stored as one small number.
type form struct {
	mask                        uint32
	kind                        Kind
	outcome                     Outcome
	disposition                 Disposition
	severity, idRank, aliasRank uint8
	// names are the numbers of the names, in the order of Fact.names.
	names [formNames]uint32
}

const formNames = 9

// names returns the names that facts of one form share. Instances are not among them, because there are so many.
func (f *Fact) names() [formNames]*string {
	return [formNames]*string{
		&f.Service, &f.Name, &f.Namespace, &f.OperationName, &f.System, &f.Destination, &f.Group, &f.ErrorType, &f.Type,
	}
}

// nameOfForm is the position of Name in a form.
const nameOfForm = 1

// hasText reports whether the name is free text, as that of lines is, which differ from each other: as shared names they would
// crowd out all others.
func (f *Fact) hasText() bool { return f.Kind == KindLog || f.Kind == KindException }

// formOf returns the form of a fact, and whether all of its names are shared.
func (s *Symbols) formOf(f *Fact, mask uint32) (form, bool) {
	of := form{
		mask: mask, kind: f.Kind, outcome: f.Outcome, disposition: f.Disposition, severity: f.Severity, idRank: f.IDRank, aliasRank: f.AliasRank,
	}
	shared := true
	for i, name := range f.names() {
		if *name == "" || (i == nameOfForm && f.hasText()) {
			continue
		}
		of.names[i] = s.Number(*name)
		shared = shared && of.names[i] != 0
	}
	return of, shared
}

// appendForm writes the number of the fact's form, or 0 and all of it.
func (o *Operation) appendForm(b []byte, f *Fact, mask uint32) []byte {
	if n := o.symbols.formNumber(f, mask); n != 0 {
		return binary.AppendUvarint(b, uint64(n))
	}
	b = append(b, 0, byte(f.Kind), byte(f.Outcome), byte(f.Disposition), f.Severity, f.IDRank, f.AliasRank)
	b = binary.AppendUvarint(b, uint64(mask))
	for i, name := range f.names() {
		if i != nameOfForm || !f.hasText() {
			b = o.appendName(b, *name)
		}
	}
	return b
}

// form reads what appendForm wrote, and returns the mask.
func (d *decoder) form(f *Fact) uint32 {
	n := d.uvarint()
	if n == 0 {
		return d.formInFull(f)
	}
	of := d.o.symbols.form(uint32(n))
	f.Kind, f.Outcome, f.Disposition = of.kind, of.outcome, of.disposition
	f.Severity, f.IDRank, f.AliasRank = of.severity, of.idRank, of.aliasRank
	for i, name := range f.names() {
		*name = of.texts[i]
	}
	return of.mask
}

func (d *decoder) formInFull(f *Fact) uint32 {
	f.Kind, f.Outcome, f.Disposition = Kind(d.byte()), Outcome(d.byte()), Disposition(d.byte())
	f.Severity, f.IDRank, f.AliasRank = d.byte(), d.byte(), d.byte()
	mask := uint32(d.uvarint())
	for i, name := range f.names() {
		if i != nameOfForm || !f.hasText() {
			*name = d.name()
		}
	}
	return mask
}

// forms are numbered from 1. They are bounded: when full, facts of further forms are stored in full.
type forms struct {
	limit int
	// recent holds the form last used of each slot.
	recent [recentSlots]atomic.Pointer[numberedForm]
	// byNumber is for those who read.
	byNumber atomic.Pointer[[]*numberedForm]

	mu    sync.Mutex
	index map[form]*numberedForm // guarded by mu
}

type numberedForm struct {
	form
	number uint32
	// texts are the names themselves.
	texts [formNames]string
}

// is reports whether it is the form of the fact.
func (n *numberedForm) is(f *Fact, mask uint32) bool {
	if n.mask != mask || n.kind != f.Kind || n.outcome != f.Outcome || n.disposition != f.Disposition || n.severity != f.Severity ||
		n.idRank != f.IDRank || n.aliasRank != f.AliasRank {
		return false
	}
	t := &n.texts
	return (t[nameOfForm] == f.Name || f.hasText()) && t[0] == f.Service && t[2] == f.Namespace && t[3] == f.OperationName && t[4] == f.System &&
		t[5] == f.Destination && t[6] == f.Group && t[7] == f.ErrorType && t[8] == f.Type
}

func (t *forms) init(limit int) {
	t.limit, t.index = limit, make(map[form]*numberedForm)
	t.byNumber.Store(&[]*numberedForm{})
}

// formSlot spreads forms over the slots. Most differ by a name.
func formSlot(f *Fact, mask uint32) uint32 {
	h := mask ^ uint32(f.Kind)<<20 ^ uint32(f.Outcome)<<26
	h = h*0x9e3779b1 ^ look(f.Service)
	h = h*0x9e3779b1 ^ look(f.Destination)
	if !f.hasText() {
		h = h*0x9e3779b1 ^ look(f.Name)
	}
	return h * 0x9e3779b1 >> (32 - recentBits)
}

// look tells most names apart, at a glance.
func look(name string) uint32 {
	n := len(name)
	if n < 2 {
		return uint32(n)
	}
	return uint32(n) ^ uint32(name[0])<<8 ^ uint32(name[n-1])<<16 ^ uint32(name[n/2])<<24
}

// formNumber returns the number of a fact's form, or 0 if it is not shared.
func (s *Symbols) formNumber(f *Fact, mask uint32) uint32 {
	if s == nil {
		return 0
	}
	slot := &s.forms.recent[formSlot(f, mask)]
	if known := slot.Load(); known != nil && known.is(f, mask) {
		return known.number
	}
	of, shared := s.formOf(f, mask)
	if !shared {
		return 0
	}
	known := s.internForm(&of)
	if known == nil {
		return 0
	}
	slot.Store(known)
	return known.number
}

func (s *Symbols) internForm(of *form) *numberedForm {
	t := &s.forms
	t.mu.Lock()
	defer t.mu.Unlock()
	if known := t.index[*of]; known != nil || len(t.index) >= t.limit {
		return known
	}
	known := &numberedForm{form: *of, number: uint32(len(t.index) + 1)}
	for i, n := range of.names {
		known.texts[i] = s.Name(n)
	}
	t.index[*of] = known
	// Readers hold older slices, of which this one is a longer version: what they can see of it does not change.
	all := append(*t.byNumber.Load(), known)
	t.byNumber.Store(&all)
	return known
}

func (s *Symbols) form(number uint32) *numberedForm { return (*s.forms.byNumber.Load())[number-1] }
