package template

import (
	"container/list"
	"errors"
	"fmt"
	"strings"
)

// Settings are a miner's bounds.
type Settings struct {
	// MaxTemplates bounds the templates held; the one that was used last longest ago leaves first. A template that left is
	// found anew.
	MaxTemplates int
	// MaxPerPlace bounds the templates of one place; whatever else is said there is one template, [Wildcard]. Without it a
	// place that never says the same thing twice would have as many failures as messages.
	MaxPerPlace int
}

// DefaultSettings suit as many kinds of failures as a tracker of incidents holds by default.
func DefaultSettings() Settings { return Settings{MaxTemplates: 20_000, MaxPerPlace: 64} }

// Validate reports which setting is out of bounds.
func (s Settings) Validate() error {
	var errs []error
	if s.MaxTemplates < 1 {
		errs = append(errs, fmt.Errorf("MaxTemplates is %d: must be at least 1", s.MaxTemplates))
	}
	if s.MaxPerPlace < 1 {
		errs = append(errs, fmt.Errorf("MaxPerPlace is %d: must be at least 1", s.MaxPerPlace))
	}
	return errors.Join(errs...)
}

// Stats counts what a miner holds and what it had to leave out.
type Stats struct {
	// Templates are those held.
	Templates int
	// Evicted counts templates that left to make room, Overflow messages that found no room in their place.
	Evicted, Overflow int64
}

// Miner finds the templates of messages. It is not safe for concurrent use.
//
// A template is named for the first of its messages, which therefore decides the name: a message that is normalised to the name of
// a template is always of that template, in whatever order messages come. Only one that differs from all of them in words that
// nothing marks as values belongs to whichever like it came first.
type Miner struct {
	settings Settings // immutable after NewMiner

	places map[any]*place
	// used lists the templates, the one used last longest ago in front.
	used  *list.List
	stats Stats
}

// place holds the templates of the messages of one place by their lengths in words.
type place struct {
	key       any
	byLength  map[int][]*entry
	templates int
}

type entry struct {
	place *place
	name  string
	words []string
	// wild are the places of words that turned out to be values, cost is what that cost.
	wild    uint32
	cost    int
	element *list.Element
}

// NewMiner returns a miner without templates.
func NewMiner(settings Settings) (*Miner, error) {
	if err := settings.Validate(); err != nil {
		return nil, err
	}
	return &Miner{settings: settings, places: make(map[any]*place), used: list.New()}, nil
}

// Stats returns the counts.
func (m *Miner) Stats() Stats {
	s := m.stats
	s.Templates = m.used.Len()
	return s
}

// Template returns the name of the template that a normalised message of a place is of. Messages of different places, which are
// comparable values, have nothing to do with each other.
func (m *Miner) Template(at any, normalized string) string {
	words := strings.Fields(normalized)
	p := m.places[at]
	if p != nil {
		if e := p.find(normalized, words); e != nil {
			m.used.MoveToBack(e.element)
			return e.name
		}
		if p.templates >= m.settings.MaxPerPlace {
			m.stats.Overflow++
			return Wildcard
		}
	}
	m.add(at, normalized, words)
	return normalized
}

// Keep makes the normalised message the name of a template of its own, as it was in an earlier run. It is not one if its place is full.
func (m *Miner) Keep(at any, normalized string) {
	words := strings.Fields(normalized)
	if p := m.places[at]; p != nil {
		if e := p.named(normalized, len(words)); e != nil {
			m.used.MoveToBack(e.element)
			return
		}
		if p.templates >= m.settings.MaxPerPlace {
			return
		}
	}
	m.add(at, normalized, words)
}

func (m *Miner) add(at any, name string, words []string) {
	if m.used.Len() >= m.settings.MaxTemplates {
		m.evict()
	}
	p := m.places[at]
	if p == nil {
		p = &place{key: at, byLength: make(map[int][]*entry, 1)}
		m.places[at] = p
	}
	name = strings.Clone(name)
	e := &entry{place: p, name: name, words: strings.Fields(name)}
	e.element = m.used.PushBack(e)
	p.byLength[len(words)] = append(p.byLength[len(words)], e)
	p.templates++
}

// evict lets the template go that was used last longest ago.
func (m *Miner) evict() {
	e := m.used.Remove(m.used.Front()).(*entry)
	m.stats.Evicted++
	p, n := e.place, len(e.words)
	p.templates--
	if p.templates == 0 {
		delete(m.places, p.key)
		return
	}
	kept := p.byLength[n][:0]
	for _, other := range p.byLength[n] {
		if other != e {
			kept = append(kept, other)
		}
	}
	clear(p.byLength[n][len(kept):])
	p.byLength[n] = kept
}

// find returns the template of a message: the one named for it, else the one that it differs from least.
func (p *place) find(normalized string, words []string) *entry {
	if e := p.named(normalized, len(words)); e != nil {
		return e
	}
	var best *entry
	var wild uint32
	cost := 0
	for _, e := range p.byLength[len(words)] {
		// What a template has spent already does not count against it: a message stays with the one that took it.
		if w, c, ok := e.differs(words); ok && (best == nil || c-e.cost < cost-best.cost) {
			best, wild, cost = e, w, c
		}
	}
	if best != nil {
		best.wild, best.cost = wild, cost
	}
	return best
}

func (p *place) named(name string, length int) *entry {
	for _, e := range p.byLength[length] {
		if e.name == name {
			return e
		}
	}
	return nil
}

const (
	// costPlain and costMarked are what it costs to take a word for a value: words of small letters hardly ever are.
	costPlain  = 2
	costMarked = 1
	// minPlain is the length of a message from which on a word of small letters may be a value: shorter ones say what
	// happened with every word.
	minPlain = 5
	// minSame is how many words two messages of one template have in common at least.
	minSame = 2
)

// differs returns the words that would have to be values for the message to be of the template, and what all of these cost;
// false if that is too much: more than half a unit for each word.
func (e *entry) differs(words []string) (wild uint32, cost int, ok bool) {
	wild, cost = e.wild, e.cost
	same := 0
	for i, word := range words {
		switch {
		case i < MaxWords && wild&(1<<i) != 0:
		case word == e.words[i]:
			if word != Wildcard {
				same++
			}
		case i >= MaxWords:
			return 0, 0, false
		default:
			wild |= 1 << i
			if plain(word) && plain(e.words[i]) {
				if len(words) < minPlain {
					return 0, 0, false
				}
				cost += costPlain
			} else {
				cost += costMarked
			}
			if 2*cost > len(words) {
				return 0, 0, false
			}
		}
	}
	return wild, cost, same >= minSame
}

// plain reports whether nothing but its company can tell that a word is a value. What is one in another message is in doubt.
func plain(word string) bool { return word == Wildcard || shapeOf(word) == shapePlain }
