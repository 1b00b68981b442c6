package cause

import (
	"container/list"
	"errors"
	"fmt"
	"math"
	"time"
)

// Settings are the bounds of a table, and what it takes for evidence.
type Settings struct {
	// MaxPlaces bounds the places of which healthy operations are counted, MaxServices the services whose versions are known; those
	// that were not heard of for longest give way.
	MaxPlaces, MaxServices int
	// HalfLife is the time in which what is known of healthy operations loses half of its weight, MaxWeight the weight from which
	// it does so at once.
	HalfLife  time.Duration
	MaxWeight float64
	// MinFailing and MinHealthy are the least operations on each side: those that fail with the value that is named, and all healthy
	// ones of which the attribute is known.
	MinFailing, MinHealthy float64
	// MinShare is the least share of the failing operations that must have the value, MinLift how many times as frequent it must be
	// among them as among healthy ones.
	MinShare, MinLift float64
	// Significance bounds the probability that anything is named of operations that have nothing in common, in one look.
	Significance float64
	// DeployedWithin is how long before the first failure a deployment is told of.
	DeployedWithin time.Duration
}

// DefaultSettings are strict: a wrong hint costs an operator more than none.
func DefaultSettings() Settings {
	return Settings{
		MaxPlaces: 2000, MaxServices: 1000, HalfLife: 30 * time.Minute, MaxWeight: 4096, MinFailing: 5, MinHealthy: 10,
		MinShare: 0.5, MinLift: 2, Significance: 0.001, DeployedWithin: 30 * time.Minute,
	}
}

// Validate reports which setting is out of bounds.
func (s Settings) Validate() error {
	var errs []error
	if s.MaxPlaces < 1 {
		errs = append(errs, fmt.Errorf("MaxPlaces is %d: must be at least 1", s.MaxPlaces))
	}
	if s.MaxServices < 1 {
		errs = append(errs, fmt.Errorf("MaxServices is %d: must be at least 1", s.MaxServices))
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"HalfLife", s.HalfLife}, {"DeployedWithin", s.DeployedWithin}} {
		if d.value <= 0 {
			errs = append(errs, fmt.Errorf("%s is %s: must be positive", d.name, d.value))
		}
	}
	for _, v := range []struct {
		name        string
		value, from float64
	}{{"MaxWeight", s.MaxWeight, 1}, {"MinFailing", s.MinFailing, 1}, {"MinHealthy", s.MinHealthy, 1}, {"MinLift", s.MinLift, 1}} {
		if !(v.value >= v.from) {
			errs = append(errs, fmt.Errorf("%s is %g: must be at least %g", v.name, v.value, v.from))
		}
	}
	for _, v := range []struct {
		name  string
		value float64
	}{{"MinShare", s.MinShare}, {"Significance", s.Significance}} {
		if !(v.value > 0 && v.value <= 1) {
			errs = append(errs, fmt.Errorf("%s is %g: must be above 0 and at most 1", v.name, v.value))
		}
	}
	return errors.Join(errs...)
}

// Table knows what healthy operations look like at each place of their way. It is for one goroutine at a time.
type Table struct {
	settings Settings
	walker   walker
	places   map[Place]*list.Element
	// heard lists the stations, the one heard of last in front.
	heard    *list.List
	versions versions
	evicted  int64
}

// station is what is known of healthy operations at a place.
type station struct {
	place Place
	tallies
	// fadedAt is when the counts were last let fade.
	fadedAt int64
}

// NewTable returns an empty table.
func NewTable(settings Settings, resources Resources) (*Table, error) {
	if err := settings.Validate(); err != nil {
		return nil, err
	}
	t := &Table{
		settings: settings, places: make(map[Place]*list.Element), heard: list.New(),
		versions: newVersions(settings.MaxServices),
	}
	t.walker = walker{resources: resources, version: t.versions.saw}
	return t, nil
}

// Learn counts a healthy operation. Times are nanoseconds since 1970 by the collector's clock.
func (t *Table) Learn(s *Subject, now int64) {
	for _, stop := range t.walker.walk(s) {
		at := t.station(stop.place, now)
		t.fade(at, now)
		at.add(stop.traits, stop.weight)
	}
}

func (t *Table) station(place Place, now int64) *station {
	if e := t.places[place]; e != nil {
		t.heard.MoveToFront(e)
		return e.Value.(*station)
	}
	if len(t.places) >= t.settings.MaxPlaces {
		oldest := t.heard.Remove(t.heard.Back()).(*station)
		delete(t.places, oldest.place)
		t.evicted++
	}
	at := &station{place: place.clone(), fadedAt: now}
	t.places[at.place] = t.heard.PushFront(at)
	return at
}

// fadeSteps is how many times the counts fade within a half-life.
const fadeSteps = 16

// fade lets what is known lose weight.
func (t *Table) fade(at *station, now int64) {
	if elapsed := now - at.fadedAt; elapsed >= int64(t.settings.HalfLife)/fadeSteps {
		at.forget(math.Exp2(-float64(elapsed) / float64(t.settings.HalfLife)))
		at.fadedAt = now
	}
	if at.operations >= t.settings.MaxWeight {
		at.forget(0.5)
	}
}

// Stats counts what a table holds and what it had to let go.
type Stats struct {
	Places, Services int
	// Evicted counts the places and services that gave way to others.
	Evicted int64
}

// Stats returns the counts.
func (t *Table) Stats() Stats {
	return Stats{Places: len(t.places), Services: len(t.versions.services), Evicted: t.evicted + t.versions.evicted}
}
