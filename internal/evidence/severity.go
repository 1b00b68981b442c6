package evidence

import (
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/plog"
)

// levels are the names of severities, by how they begin: "warn" is also WARNING and slog's WARN+1. Sources: the levels of
// the loggers that the log data model of OpenTelemetry lists (appendix B), and those of Ruby, .NET and Rust.
var levels = []struct {
	begins string
	number plog.SeverityNumber
}{
	{"info", plog.SeverityNumberInfo}, {"warn", plog.SeverityNumberWarn}, {"err", plog.SeverityNumberError}, {"debug", plog.SeverityNumberDebug},
	{"trace", plog.SeverityNumberTrace}, {"fatal", plog.SeverityNumberFatal}, {"crit", plog.SeverityNumberFatal},
	{"notice", plog.SeverityNumberInfo2}, {"severe", plog.SeverityNumberError}, {"fail", plog.SeverityNumberError},
	{"panic", plog.SeverityNumberFatal}, {"dpanic", plog.SeverityNumberFatal}, {"emerg", plog.SeverityNumberFatal},
	{"alert", plog.SeverityNumberFatal}, {"verbose", plog.SeverityNumberTrace}, {"dbug", plog.SeverityNumberDebug},
	{"dbg", plog.SeverityNumberDebug}, {"wrn", plog.SeverityNumberWarn}, {"inf", plog.SeverityNumberInfo}, {"ftl", plog.SeverityNumberFatal},
	{"vrb", plog.SeverityNumberTrace}, {"fine", plog.SeverityNumberDebug}, {"config", plog.SeverityNumberDebug},
}

// levelNamed returns the severity number of a level by its name or number, 0 if it is none.
func levelNamed(name string) uint8 {
	if name == "" {
		return 0
	}
	if c := name[0]; c >= '0' && c <= '9' {
		n, err := strconv.ParseInt(name, 10, 64)
		if err != nil {
			return 0
		}
		return levelNumbered(n)
	}
	for _, l := range levels {
		if len(name) >= len(l.begins) && strings.EqualFold(name[:len(l.begins)], l.begins) {
			return uint8(l.number)
		}
	}
	if len(name) == 1 {
		return levelLetter(name[0])
	}
	return 0
}

// levelLetter reads the letter by which glog and its kind name a level.
func levelLetter(c byte) uint8 {
	switch c {
	case 'I':
		return uint8(plog.SeverityNumberInfo)
	case 'W':
		return uint8(plog.SeverityNumberWarn)
	case 'E':
		return uint8(plog.SeverityNumberError)
	case 'F', 'C':
		return uint8(plog.SeverityNumberFatal)
	case 'D':
		return uint8(plog.SeverityNumberDebug)
	}
	return 0
}

// tens are the severity numbers of pino's levels 10 (trace) to 60 (fatal), hundreds of monolog's 100 (debug) to 600
// (emergency), pythons of Python's 10 (debug) to 50 (critical).
var (
	tens = [...]plog.SeverityNumber{
		1: plog.SeverityNumberTrace, plog.SeverityNumberDebug, plog.SeverityNumberInfo, plog.SeverityNumberWarn, plog.SeverityNumberError,
		plog.SeverityNumberFatal,
	}
	hundreds = [...]plog.SeverityNumber{
		1: plog.SeverityNumberDebug, plog.SeverityNumberInfo, plog.SeverityNumberWarn, plog.SeverityNumberError, plog.SeverityNumberFatal,
		plog.SeverityNumberFatal,
	}
	pythons = [...]plog.SeverityNumber{
		1: plog.SeverityNumberDebug, plog.SeverityNumberInfo, plog.SeverityNumberWarn, plog.SeverityNumberError, plog.SeverityNumberFatal,
	}
)

// levelNumbered returns the severity number of a numeric level as pino, bunyan and monolog write it, 0 if it is none.
func levelNumbered(n int64) uint8 {
	switch {
	case n >= 10 && n < 70:
		return uint8(tens[n/10])
	case n >= 100 && n < 700:
		// 250 is monolog's notice, 550 its alert.
		return uint8(hundreds[n/100])
	}
	return 0
}

// pythonLevel returns the severity number of Python's numeric level, 0 if it is none.
func pythonLevel(n int64) uint8 {
	if n < 10 || n >= 60 {
		return 0
	}
	return uint8(pythons[n/10])
}
