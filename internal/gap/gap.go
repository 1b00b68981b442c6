package gap

// Signal is what telemetry comes as.
type Signal uint8

// The signals. They have habits of their own, as exporters of their own send them.
const (
	SignalTraces Signal = iota
	SignalLogs
	// SignalCount is the number of signals.
	SignalCount
)

var signalNames = [...]string{"traces", "logs"}

// String returns the name used in events and in the API.
func (s Signal) String() string { return signalNames[s] }

// Kind says why telemetry is lacking.
type Kind uint8

// The kinds of gaps.
const (
	// KindSilent: nothing comes.
	KindSilent Kind = iota
	// KindLate: what comes is old, as when an exporter sends what it had to keep for a while.
	KindLate
	// KindCollectorDown: the collector was not running.
	KindCollectorDown
)

var kindNames = [...]string{"silent", "late", "collector_down"}

// String returns the name used in events and in the API.
func (k Kind) String() string { return kindNames[k] }

// Gap is a time of which telemetry is lacking.
type Gap struct {
	// ID tells gaps apart for as long as the collector runs. What is told of one gap first and last has the same.
	ID uint64
	// Service is whose telemetry is lacking; "" for everybody's.
	Service string
	// Signals are those that are lacking, by [Signal].
	Signals [SignalCount]bool
	Kind    Kind
	// From is the time of the last event before the gap, and Until that of the first one after it, 0 while it lasts.
	From, Until int64
	// Filled is the share of it, between 0 and 1, that came late.
	Filled float64
	// Gone says that the service or its signal was forgotten at Until, without having been heard of again.
	Gone bool
}
