package stack

import "strings"

// atFrame reads what stands behind "at ". The language is LanguageUnknown if that is no call.
func atFrame(s string) (Frame, Language) {
	s = strings.TrimRight(s, " \t,")
	// Node closes the properties of an error behind its last call.
	s = strings.TrimSuffix(s, " {")
	if f, ok := v8Frame(s); ok {
		return f, LanguageV8
	}
	open := strings.IndexByte(s, '(')
	if open <= 0 {
		return Frame{}, LanguageUnknown
	}
	if f, ok := jvmFrame(s, open); ok {
		return f, LanguageJVM
	}
	if f, ok := dotNetFrame(s, open); ok {
		return f, LanguageDotNet
	}
	return Frame{}, LanguageUnknown
}

// v8Frame reads `async Orders.charge [as handle] (file:///app/orders.js:12:5)` and `file:///app/orders.js:12:5`.
func v8Frame(s string) (Frame, bool) {
	s = strings.TrimPrefix(s, "async ")
	if !strings.HasSuffix(s, ")") {
		f, ok := v8Location(s)
		return f, ok && f.Line != 0 && !strings.ContainsRune(f.File, ' ')
	}
	open := strings.LastIndexByte(s, '(') - 1
	if open < 0 || s[open] != ' ' {
		return Frame{}, false
	}
	f, ok := v8Location(s[open+2 : len(s)-1])
	if !ok {
		return Frame{}, false
	}
	f.Function = strings.TrimPrefix(s[:open], "new ")
	if alias := strings.Index(f.Function, " [as "); alias >= 0 {
		f.Function = f.Function[:alias]
	}
	return f, true
}

func v8Location(s string) (Frame, bool) {
	if s == "<anonymous>" || s == "native" || strings.HasPrefix(s, "index ") {
		return Frame{File: s}, true
	}
	if strings.HasPrefix(s, "eval at ") {
		if at := strings.LastIndex(s, ", "); at >= 0 {
			s = s[at+2:]
		}
	}
	withLine, _, ok := trailingNumber(s)
	if !ok {
		return Frame{}, false
	}
	file, line, ok := trailingNumber(withLine)
	if !ok || file == "" {
		return Frame{}, false
	}
	return Frame{File: strings.TrimPrefix(file, "file://"), Line: line}, true
}

// nativeMethod stands in place of a file for code of the runtime itself; PHP's functions are written so too.
const nativeMethod = "Native Method"

// jvmFrame reads `app//com.acme.Orders.charge(Orders.java:12) ~[orders.jar:1.2]`.
func jvmFrame(s string, open int) (Frame, bool) {
	function := s[:open]
	length := strings.IndexByte(s[open:], ')')
	if length < 0 || strings.IndexByte(function, '.') < 0 || strings.IndexByte(function, ' ') >= 0 {
		return Frame{}, false
	}
	place := s[open+1 : open+length]
	f := Frame{Function: function, File: place}
	// Class loaders and modules stand in front: app//, java.base/, java.base@17.0.1/.
	if slash := strings.IndexByte(function, '/'); slash >= 0 {
		slash = strings.LastIndexByte(function, '/')
		// Hidden classes have a number behind a slash: Orders$$Lambda/0x00007f.run.
		if !strings.Contains(function[:slash], "$$") {
			f.Function = function[slash+1:]
		}
	}
	switch place {
	case nativeMethod:
		return f, true
	case "Unknown Source", "<generated>":
		f.File = ""
		return f, true
	}
	if file, line, ok := trailingNumber(place); ok {
		f.File, f.Line = file, line
		return f, file != "" && !strings.ContainsRune(file, ' ')
	}
	return f, strings.ContainsRune(place, '.') && !strings.ContainsAny(place, " ,")
}

// dotNetFrame reads `Acme.Orders.Charge(String id, Int32 cents) in /src/Orders.cs:line 12`; Mono writes a space before the
// parenthesis and an offset behind it.
func dotNetFrame(s string, open int) (Frame, bool) {
	function := strings.TrimRight(s[:open], " ")
	// Generic arguments may contain parentheses of their own; what counts is the first one behind the name.
	if function == "" || strings.ContainsAny(function, " \t:") && !strings.HasPrefix(function, "(wrapper ") {
		return Frame{}, false
	}
	closing := strings.IndexByte(s[open:], ')')
	if closing < 0 || !strings.ContainsRune(function, '.') {
		return Frame{}, false
	}
	f := Frame{Function: function}
	if at := strings.LastIndex(s, ") in "); at >= 0 {
		f.File, f.Line = dotNetPlace(s[at+len(") in "):])
	} else if at := strings.LastIndex(s, "] in "); at >= 0 {
		f.File, f.Line = dotNetPlace(s[at+len("] in "):])
	}
	return f, true
}

func dotNetPlace(s string) (file string, line int) {
	if at := strings.LastIndex(s, ":line "); at >= 0 {
		line, _ = number(s[at+len(":line "):])
		return s[:at], line
	}
	file, line, _ = trailingNumber(strings.TrimRight(s, " "))
	if strings.HasPrefix(file, "<") {
		return "", 0
	}
	return file, line
}
