package incident

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"github.com/throughline/throughline/internal/deadletter"
	"github.com/throughline/throughline/internal/operation"
)

// FingerprintVersion is the version of the rule by which operations are grouped. It is part of what an ID is computed
// from, so that a later rule never puts operations into an incident that an earlier one opened.
const FingerprintVersion = 1

// fingerprintDomain keeps the hashes apart from any other use of the same fields.
const fingerprintDomain = "throughline.incident.v1"

// Key is what operations of one incident have in common (fingerprint, version 1).
type Key struct {
	Namespace string
	// Kind is operation.StateStuck, operation.StateFailed or operation.StateDeadLettered, or operation.StateUnknown of a gap;
	// Reason is why it is stuck or unknown.
	Kind   operation.State
	Reason operation.StuckReason
	// OperationName is the operation's name, Destination and Group the hop that decides the verdict; "" where the operation
	// as a whole is judged (its deadline, its declared failure) or nobody consumes. A message that was sent to a dead-letter
	// destination counts where it was given up, so that those of which no such record exists are in the same incident.
	OperationName, Destination, Group string
	// ErrorType is the type of the error for failures, "" if the evidence names none and for what is stuck.
	ErrorType string
	// Service is the one whose telemetry is lacking, of a gap; "" for everybody's, and for all other kinds.
	Service string
}

// ID returns the incident's ID: 32 hexadecimal digits, the same for equal keys in every process.
func (k Key) ID() string {
	reason := k.Reason.String()
	if k.Kind.Bad() {
		reason = k.Kind.String()
	}
	buf := make([]byte, 0, 256)
	for _, field := range [...]string{
		fingerprintDomain, k.Namespace, reason, k.OperationName, k.Destination, k.Group, k.ErrorType,
	} {
		// Lengths go in front, so that no two different lists of fields become the same bytes.
		buf = binary.AppendUvarint(buf, uint64(len(field)))
		buf = append(buf, field...)
	}
	if k.Service != "" {
		// A field more than other kinds have, so that their IDs are what they were before there were gaps.
		buf = binary.AppendUvarint(buf, uint64(len(k.Service)))
		buf = append(buf, k.Service...)
	}
	sum := sha256.Sum256(buf)
	return hex.EncodeToString(sum[:16])
}

// KeyOf returns the key of the incident that the change puts its operation into; false if the operation is neither stuck
// nor failed nor dead-lettered.
func KeyOf(c *operation.Change) (Key, bool) {
	if !troubled(c) {
		return Key{}, false
	}
	key := Key{
		Namespace: clip(c.View.Namespace, maxName), Kind: c.Verdict.State, Reason: c.Verdict.Reason,
		OperationName: clip(NameOf(c), maxName),
	}
	if at := deadletter.Deciding(c.View, &c.Verdict); at.Hop >= 0 {
		hop := &c.View.Hops[at.Hop]
		key.Destination = clip(hop.Destination, maxName)
		key.Group = clip(c.Verdict.Group, maxName)
		if at.Consumer >= 0 {
			key.Group = clip(hop.Consumers[at.Consumer].Group, maxName)
		}
	}
	if key.Kind.Bad() {
		key.Reason = operation.StuckNone
		if e := errorOf(c); e != nil {
			key.ErrorType = clip(e.Type, maxName)
		}
	}
	return key, true
}

// NameOf returns what the operation of a change is called: by its rule, or else by the evidence.
func NameOf(c *operation.Change) string {
	if c.Policy != nil && c.Policy.OperationName != "" {
		return c.Policy.OperationName
	}
	return c.View.Name
}

func troubled(c *operation.Change) bool {
	return !c.Gone && c.Verdict.State.Troubled()
}
