package alert

import (
	"context"
	"time"

	"github.com/throughline/throughline/internal/operation"
)

// Notifier brings alerts to one backend.
type Notifier interface {
	// Notify delivers all of the alerts or returns an error. A backend for which telling the same again does harm is given one
	// alert at a time. Errors are of type [*Error] and hold no secret: of the address at most host and port, and nothing of
	// the request or the response. It is safe for concurrent use.
	Notify(ctx context.Context, alerts []Alert) error
}

// Status says whether an alert is on.
type Status uint8

// The statuses.
const (
	StatusFiring Status = iota
	StatusResolved
)

var statusNames = [...]string{"firing", "resolved"}

// String returns the name used in metrics.
func (s Status) String() string { return statusNames[s] }

// Routing is what decides who is told and how urgently. It may change while an alert fires.
type Routing struct {
	Severity operation.Severity
	Priority int
	Owner    string
}

// Former is a routing under which an alert fired before it changed. A backend in which the routing is part of an alert's
// identity must end the alert of that identity.
type Former struct {
	Routing
	EndsAt time.Time
}

// Alert is what a backend is told about one incident.
type Alert struct {
	// ID names the alert for ever; Name is the kind of alert.
	ID, Name string
	Status   Status
	Routing
	// Former are the earlier routings that a backend may still hold.
	Former []Former
	// Labels never change for one ID, Annotations may.
	Labels, Annotations map[string]string
	// StartsAt is when the incident was opened, EndsAt when it was resolved (zero while firing, never before StartsAt).
	StartsAt, EndsAt time.Time
	// GeneratorURL leads to the incident, "" if that is not known.
	GeneratorURL string
	// Revision orders what is said about one ID.
	Revision int64
	// Acknowledged is who takes care of it, "" if nobody does; Muted that nobody wants to be told of it, until then (zero: until
	// it is over).
	Acknowledged string
	Muted        bool
	MutedUntil   time.Time
	// PartOf is the ID of the alert that stands for this one and others, "" while it stands for itself.
	PartOf string
	// Recalled says that it waited somewhere while the process was started anew, and that nobody has said since how it is now. It is told,
	// and not again before somebody has.
	Recalled bool
	// News says that something happened that people want to hear of: opened, opened again, more or less severe, over.
	// Otherwise the alert is as it was but for numbers.
	News bool
}

// gist is what of an alert is told to those who are told once. That it was over for a moment is not in it: whoever missed
// that need not be told that it goes on.
// The zero gist is that of nothing told.
type gist struct {
	any          bool
	status       Status
	routing      Routing
	acknowledged string
}

func (a *Alert) gist() gist {
	return gist{any: true, status: a.Status, routing: a.Routing, acknowledged: a.Acknowledged}
}
