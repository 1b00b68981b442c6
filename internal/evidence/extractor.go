package evidence

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/throughline/throughline/internal/operation"
)

// DerivedScope begins the names of the instrumentation scopes of everything that Throughline derives. Such records are
// skipped, in case they come back (two collectors, one Kafka).
const DerivedScope = "github.com/throughline/throughline"

// The bounds of what is kept of one record.
const (
	maxID      = 256
	maxName    = 256
	maxMessage = 1024
	maxDetail  = 4096
	maxLinks   = 10_000
	maxErrors  = 8
	maxBody    = 64 << 10
)

// Config says what identifies an operation.
type Config struct {
	// CorrelationKeys are the attributes and log fields that carry correlation IDs; the order is the rank.
	CorrelationKeys []string
	// NamespaceKey is the attribute of the record or its resource that names the tenant; "" = none.
	NamespaceKey string
	// JunkIDs are values that name no operation, besides the usual ones.
	JunkIDs []string
	// Libraries say how instrumentations depart from the conventions; of two for one scope the first counts.
	Libraries []Library
	// Logs says what the text of log records means.
	Logs LogConfig
	// Expressions say what the rest cannot.
	Expressions Expressions
}

// DefaultCorrelationKeys are those that conventions and common practice use (design: identity).
func DefaultCorrelationKeys() []string {
	return []string{
		"messaging.message.conversation_id", "messaging.conversation_id", "async.operation.id", "correlation.id",
		"correlation_id", "correlationId", "CorrelationId",
	}
}

// Extractor draws facts. It is immutable and safe for concurrent use.
type Extractor struct {
	profiles profiles
	// junk are the values that name no operation, longest the length of the longest one.
	junk        map[string]struct{}
	longest     int
	logs        logPatterns
	expressions Expressions
	// spanRank and logRank are the ranks of the first IDs that expressions find.
	spanRank, logRank uint8
}

// maxRank is the greatest number of correlation keys.
const maxRank = 255

// NewExtractor returns an extractor; the error says which key is wrong.
func NewExtractor(cfg Config) (*Extractor, error) {
	if len(cfg.CorrelationKeys) > maxRank {
		return nil, fmt.Errorf("%d correlation keys: at most %d are allowed", len(cfg.CorrelationKeys), maxRank)
	}
	if slices.Contains(cfg.CorrelationKeys, "") {
		return nil, errors.New("a correlation key is empty")
	}
	ps, err := newProfiles(cfg)
	if err != nil {
		return nil, err
	}
	logs, rank, err := newLogPatterns(&cfg.Logs, len(cfg.CorrelationKeys))
	if err != nil {
		return nil, err
	}
	last := rank + cfg.Expressions.SpanIDs + cfg.Expressions.LogIDs
	if last > maxRank {
		return nil, fmt.Errorf("%d correlation keys, patterns and expressions that find IDs: at most %d are allowed", last, maxRank)
	}
	x := &Extractor{
		profiles: ps, junk: junkSet(cfg.JunkIDs), logs: logs, expressions: cfg.Expressions,
		spanRank: uint8(rank), logRank: uint8(rank + cfg.Expressions.SpanIDs),
	}
	for id := range x.junk {
		x.longest = max(x.longest, len(id))
	}
	return x, nil
}

// Ref tells which record a fact was drawn from, by the indices in the batch of telemetry.
type Ref struct{ Resource, Scope, Index int }

// Batch takes what is drawn from one batch of telemetry. It may be used again after Reset.
type Batch struct {
	Facts []operation.Fact
	// Refs has one entry for each fact.
	Refs []Ref
	// Dropped counts by reason.
	Dropped [dropCount]int
	// Partial is how many of the facts were drawn from log records about spans that have not ended.
	Partial int

	// detached are the log records whose own trace context counts for nothing, in ascending order.
	detached []Ref
	// ignored are the records that expressions say are no evidence, in ascending order.
	ignored  []Ref
	resource resource
	children children
	// profile is that of the scope at hand, scope its name where that matters: in logs.
	profile *profile
	scope   string
	// scratch, line and answer hold what is known of the record at hand: the values of its attributes, what loggers put into
	// its fields, and what expressions say.
	scratch attributeValues
	line    line
	answer  Found
}

// Reset empties the batch and keeps its space.
func (b *Batch) Reset() {
	clear(b.Facts)
	b.Facts, b.Refs, b.detached, b.ignored = b.Facts[:0], b.Refs[:0], b.detached[:0], b.ignored[:0]
	b.Dropped, b.Partial = [dropCount]int{}, 0
	b.resource, b.profile, b.scratch = resource{}, nil, attributeValues{}
	b.scope, b.line, b.answer = "", line{}, Found{}
	b.children.clear()
}

func (b *Batch) drop(reason DropReason) { b.Dropped[reason]++ }

// begin appends an empty fact and returns it, to be filled in where it stands: it is large, and there are many. The pointer
// is good for writing until the next fact is appended.
func (b *Batch) begin(ref Ref) *operation.Fact {
	n := len(b.Facts)
	if n < cap(b.Facts) {
		// What lies beyond the end is empty: whatever is removed is cleared.
		b.Facts = b.Facts[:n+1]
	} else {
		b.Facts = append(b.Facts, operation.Fact{})
	}
	b.Refs = append(b.Refs, ref)
	return &b.Facts[n]
}

// undo removes the fact that was appended last.
func (b *Batch) undo() {
	last := len(b.Facts) - 1
	b.Facts[last] = operation.Fact{}
	b.Facts, b.Refs = b.Facts[:last], b.Refs[:last]
}

// add appends a fact.
func (b *Batch) add(f *operation.Fact, ref Ref) {
	b.Facts = append(b.Facts, *f)
	b.Refs = append(b.Refs, ref)
}

// resource is what all records of one resource have in common.
type resource struct {
	service, instance string
	ids               identified
}

// identified are the correlation IDs found on one record, best first.
type identified struct {
	namespace string
	ids       [maxIDsPerRecord]rankedID
	n         int
}

type rankedID struct {
	rank uint8
	id   string
}

// maxIDsPerRecord bounds the aliases that one record can declare.
const maxIDsPerRecord = 4

// offer adds an ID in order of rank; an equal one is not added again.
func (d *identified) offer(rank uint8, id string) {
	at := d.n
	for i := range d.n {
		if d.ids[i].id == id {
			d.ids[i].rank = min(d.ids[i].rank, rank)
			return
		}
		if rank < d.ids[i].rank && at == d.n {
			at = i
		}
	}
	if at >= maxIDsPerRecord {
		return
	}
	d.n = min(d.n+1, maxIDsPerRecord)
	copy(d.ids[at+1:d.n], d.ids[at:])
	d.ids[at] = rankedID{rank, id}
}

// inherit adds what the resource says, which counts where the record itself says nothing.
func (d *identified) inherit(r *identified) {
	if d.namespace == "" {
		d.namespace = r.namespace
	}
	if d.n == 0 && r.n > 0 {
		d.n, d.ids = r.n, r.ids
	}
}

// emit adds the fact with its IDs.
func (b *Batch) emit(f *operation.Fact, d *identified, ref Ref) {
	b.add(f, ref)
	b.name(&b.Facts[len(b.Facts)-1], d, ref)
}

// name gives the fact that was appended last its IDs; a third and fourth ID are declared aliases by facts of their own.
func (b *Batch) name(f *operation.Fact, d *identified, ref Ref) {
	f.Namespace = d.namespace
	if d.n > 0 {
		f.IDRank, f.ID = d.ids[0].rank, d.ids[0].id
	}
	if d.n > 1 {
		f.AliasRank, f.Alias = d.ids[1].rank, d.ids[1].id
	}
	if d.n <= 2 {
		return
	}
	named := *f
	for i := 2; i < d.n; i++ {
		b.add(&operation.Fact{
			Kind: operation.KindAlias, At: named.At, Trace: named.Trace, Span: named.Span, Batch: named.Batch, Namespace: named.Namespace, Service: named.Service,
			ID: named.ID, IDRank: named.IDRank, Alias: d.ids[i].id, AliasRank: d.ids[i].rank,
		}, ref)
	}
}

// readResource reads what all records of a resource have in common.
func (x *Extractor) readResource(b *Batch, attributes pcommon.Map) {
	b.resource, b.profile = resource{}, x.profiles.base
	var a attributeValues
	x.read(b, attributes, &a)
	b.resource.service = a.text[fieldService]
	b.resource.ids = a.ids
	b.resource.instance = instanceOf(a.text[fieldInstance], a.text[fieldHost], a.text[fieldPID])
}

func derived(scope pcommon.InstrumentationScope) bool {
	return strings.HasPrefix(scope.Name(), DerivedScope)
}
