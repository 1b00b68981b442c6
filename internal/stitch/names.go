package stitch

import (
	"strings"

	"github.com/throughline/throughline/internal/operation"
)

// names are what spans and their services are called for a destination.
type names struct {
	temporary                    bool
	queue, send, wait, scheduled string
	process, receive, await      string
}

// maxNamed bounds the destinations whose names are kept: there are few, mostly.
const maxNamed = 1_000

// namesOf returns the names for a destination. They follow from nothing but that.
func (b *builder) namesOf(destination string) *names {
	if b.latest != nil && b.latestOf == destination {
		return b.latest
	}
	n := b.named[destination]
	if n == nil {
		n = newNames(destination)
		if len(b.named) >= maxNamed {
			clear(b.named)
		}
		// It may be a part of something bigger.
		b.named[strings.Clone(destination)] = n
	}
	b.latestOf, b.latest = destination, n
	return n
}

func newNames(destination string) *names {
	called := Destination(destination)
	return &names{
		temporary: operation.TemporaryName(destination),
		queue:     "queue:" + clip(called, maxLine), send: line("send " + called), wait: line("queue wait " + called), scheduled: line("scheduled " + called),
		process: line("process " + called), receive: line("receive " + called), await: line("await " + called),
	}
}
