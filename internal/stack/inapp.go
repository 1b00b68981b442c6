package stack

import (
	"errors"
	"fmt"
	"strings"
)

// Rules tell the application's own calls from those of the runtime and of libraries. The zero value knows the usual places
// of libraries only.
type Rules struct {
	// Include and Exclude are beginnings of functions (with package, namespace or class) or of files. The longest that fits
	// a call decides, Exclude if both have the same; a call that none fits is judged by where libraries usually are.
	Include, Exclude []string
}

// maxRules bounds the entries of a list of rules, so that reading a stack trace stays cheap.
const maxRules = 100

// Validate reports which entry is of no use: an empty one fits every call.
func (r Rules) Validate() error {
	var errs []error
	for _, list := range []struct {
		key     string
		entries []string
	}{{"include", r.Include}, {"exclude", r.Exclude}} {
		if n := len(list.entries); n > maxRules {
			errs = append(errs, fmt.Errorf("%s has %d entries: at most %d are allowed", list.key, n, maxRules))
		}
		for i, entry := range list.entries {
			if strings.TrimSpace(entry) == "" {
				errs = append(errs, fmt.Errorf("%s[%d] is %q: must be the beginning of a function or of a file", list.key, i, entry))
			}
		}
	}
	return errors.Join(errs...)
}

// InApp reports whether a call is in the application itself.
func (r Rules) InApp(language Language, f *Frame) bool {
	include, exclude := longest(r.Include, f), longest(r.Exclude, f)
	if include != 0 || exclude != 0 {
		return include > exclude
	}
	switch language {
	case LanguageGo:
		return inAppGo(f)
	case LanguageJVM:
		return inAppJVM(f)
	case LanguageDotNet:
		return f.Function != "" && !knownNamespace(dotNetLibraries, strings.TrimPrefix(f.Function, "(wrapper "))
	case LanguagePython:
		return inAppPython(f)
	case LanguageV8:
		return inAppV8(f)
	case LanguageRuby:
		return f.File != "" && f.File[0] != '<' && !containsAny(f.File, rubyLibraries)
	case LanguagePHP:
		return f.Function != "" && f.File != "" && !containsAny(f.File, phpLibraries) || f.Function == "{main}"
	}
	return false
}

// longest returns the length of the longest entry with which the function or the file begins.
func longest(entries []string, f *Frame) int {
	n := 0
	for _, entry := range entries {
		if len(entry) > n && (strings.HasPrefix(f.Function, entry) || strings.HasPrefix(f.File, entry)) {
			n = len(entry)
		}
	}
	return n
}

func inAppGo(f *Frame) bool {
	if strings.Contains(f.File, "/pkg/mod/") || strings.Contains(f.File, "/vendor/") {
		return false
	}
	// Built with -trimpath: the files of dependencies have their version, those of the standard library no dot.
	if at := strings.IndexByte(f.File, '@'); at >= 0 && strings.HasPrefix(f.File[at:], "@v") {
		return false
	}
	function := f.Function
	if strings.HasPrefix(function, "main.") {
		return true
	}
	first := function
	if end := strings.IndexAny(function, "/."); end >= 0 {
		first = function[:end]
	}
	if _, ok := goStandard[first]; ok && !strings.Contains(pathHead(function), ".") {
		return strings.HasPrefix(f.File, "/") && !strings.Contains(f.File, "/src/"+first)
	}
	return function != "" && !knownPath(goLibraries, function)
}

// pathHead returns the first element of an import path, whose dots tell domains from the standard library.
func pathHead(function string) string {
	if head, _, ok := strings.Cut(function, "/"); ok {
		return head
	}
	return ""
}

// knownPath looks an import path up by its first one, two and three elements.
func knownPath(known map[string]struct{}, path string) bool {
	for i, elements := 0, 0; i < len(path) && elements < 3; i++ {
		if path[i] == '/' {
			elements++
			if _, ok := known[path[:i]]; ok {
				return true
			}
		}
	}
	// The last element ends where the name of the function begins.
	slash := strings.LastIndexByte(path, '/')
	if dot := strings.IndexByte(path[slash+1:], '.'); dot >= 0 {
		_, ok := known[path[:slash+1+dot]]
		return ok
	}
	return false
}

func inAppJVM(f *Frame) bool {
	return f.Function != "" && f.File != nativeMethod && !knownNamespace(jvmLibraries, f.Function) &&
		!strings.HasPrefix(f.Function, "$Proxy") && !strings.Contains(f.Function, "$$FastClass") &&
		!strings.Contains(f.Function, ".$Proxy")
}

// knownNamespace looks a dotted name up by its first one, two and three parts.
func knownNamespace(known map[string]struct{}, name string) bool {
	for i, parts := 0, 0; i < len(name) && parts < 3; i++ {
		if name[i] == '.' {
			parts++
			if _, ok := known[name[:i]]; ok {
				return true
			}
		}
	}
	return false
}

func inAppPython(f *Frame) bool {
	if f.File == "" || f.File[0] == '<' {
		return false
	}
	if containsAny(f.File, pythonLibraries) {
		return false
	}
	// The standard library: /usr/lib/python3.11/json/decoder.py.
	rest := f.File
	for {
		at := strings.Index(rest, "/python")
		if at < 0 {
			return true
		}
		rest = rest[at+len("/python"):]
		major, digits := number(rest)
		if digits > 0 && major <= 9 && strings.HasPrefix(rest[digits:], ".") {
			_, minor := number(rest[digits+1:])
			if minor > 0 && strings.HasPrefix(rest[digits+1+minor:], "/") {
				return false
			}
		}
	}
}

func inAppV8(f *Frame) bool {
	switch {
	case f.Line == 0, strings.HasPrefix(f.File, "node:"), strings.HasPrefix(f.File, "internal/"):
		return false
	case strings.Contains(f.File, "/node_modules/"), strings.HasPrefix(f.File, "node_modules/"):
		return false
	case !strings.ContainsAny(f.File, "/\\") && strings.HasSuffix(f.File, ".js"):
		// Node before 16 wrote its own files without a path.
		_, ok := nodeFiles[f.File]
		return !ok
	}
	return true
}

func containsAny(s string, parts []string) bool {
	for _, part := range parts {
		if strings.Contains(s, part) {
			return true
		}
	}
	return false
}
