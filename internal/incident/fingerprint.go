package incident

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"github.com/throughline/throughline/internal/deadletter"
	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/stack"
)

// The versions of the rules by which operations are grouped. The version is part of what an ID is computed from, so that a later
// rule never puts operations into an incident that an earlier one opened. A change of a rule, of what package stack calls a
// call or of what package template takes for a value, makes a new version of the kinds of incidents that it touches.
const (
	// FingerprintStuck is that of operations that are stuck and of telemetry that is lacking.
	FingerprintStuck = 1
	// FingerprintFailed is that of operations that failed or were dead-lettered. Version 1 knew the type of the error only.
	FingerprintFailed = 2
)

// fingerprintDomains keep the hashes apart from any other use of the same fields, and those of the versions from each other.
var fingerprintDomains = [...]string{
	FingerprintStuck: "throughline.incident.v1", FingerprintFailed: "throughline.incident.v2",
}

// Key is what operations of one incident have in common.
type Key struct {
	Namespace string
	// Kind is operation.StateStuck, operation.StateFailed or operation.StateDeadLettered, or operation.StateUnknown of a gap;
	// Reason is why it is stuck or unknown.
	Kind   operation.State
	Reason operation.StuckReason
	// Storm says that the incident stands for many of one destination; Kind is then operation.StateUnknown, and only Namespace and
	// Destination tell it from others.
	Storm bool
	// OperationName is the operation's name, Destination and Group the hop that decides the verdict; "" where the operation
	// as a whole is judged (its deadline, its declared failure) or nobody consumes. A message that was sent to a dead-letter
	// destination counts where it was given up, so that those of which no such record exists are in the same incident.
	OperationName, Destination, Group string
	// ErrorType, Culprit and Message are the [Failure] of what failed, "" as far as the evidence does not tell and for what is
	// stuck. Of messages that differ in a word that nothing marks as a value, it is that of the first.
	ErrorType, Culprit, Message string
	// Service is the one whose telemetry is lacking, of a gap; "" for everybody's, and for all other kinds.
	Service string
}

// Version returns the version of the rule that the ID is computed by.
func (k Key) Version() int {
	if k.Kind.Bad() {
		return FingerprintFailed
	}
	return FingerprintStuck
}

// ID returns the incident's ID: 32 hexadecimal digits, the same for equal keys in every process.
func (k Key) ID() string {
	if k.Storm {
		return k.stormID()
	}
	reason := k.Reason.String()
	if k.Kind.Bad() {
		reason = k.Kind.String()
	}
	buf := make([]byte, 0, 512)
	for _, field := range [...]string{
		fingerprintDomains[k.Version()], k.Namespace, reason, k.OperationName, k.Destination, k.Group, k.ErrorType,
	} {
		buf = appendField(buf, field)
	}
	switch {
	case k.Kind.Bad():
		buf = appendField(appendField(buf, k.Culprit), k.Message)
	case k.Service != "":
		// A field more than other kinds have, so that their IDs are what they were before there were gaps.
		buf = appendField(buf, k.Service)
	}
	sum := sha256.Sum256(buf)
	return hex.EncodeToString(sum[:16])
}

// appendField puts the length in front, so that no two different lists of fields become the same bytes.
func appendField(buf []byte, field string) []byte {
	return append(binary.AppendUvarint(buf, uint64(len(field))), field...)
}

// KeyOf returns the key of the incident that the change puts its operation into; false if the operation is neither stuck
// nor failed nor dead-lettered.
func KeyOf(c *operation.Change, rules stack.Rules) (Key, bool) {
	if !troubled(c) {
		return Key{}, false
	}
	key := Key{
		Namespace: clip(c.View.Namespace, maxName), Kind: c.Verdict.State, Reason: c.Verdict.Reason,
		OperationName: clip(NameOf(c), maxName),
	}
	key.Destination, key.Group = PlaceOf(c)
	if key.Kind.Bad() {
		key.Reason = operation.StuckNone
		f := FailureOf(errorOf(c), rules)
		key.ErrorType, key.Culprit, key.Message = f.Type, f.Culprit, f.Message
	}
	return key, true
}

// PlaceOf returns the destination and the consumer group on which the verdict of a change rests, "" where the operation as a whole
// is judged or nobody consumes.
func PlaceOf(c *operation.Change) (destination, group string) {
	at := deadletter.Deciding(c.View, &c.Verdict)
	if at.Hop < 0 {
		return "", ""
	}
	hop := &c.View.Hops[at.Hop]
	group = c.Verdict.Group
	if at.Consumer >= 0 {
		group = hop.Consumers[at.Consumer].Group
	}
	return clip(hop.Destination, maxName), clip(group, maxName)
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
