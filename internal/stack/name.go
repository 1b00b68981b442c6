package stack

import (
	"path"
	"slices"
	"strings"
)

// Culprit returns the name of the call that is to blame for the root cause, and whether that is in the application: the
// application's innermost call at the time the root cause was raised; where the root cause has none, that of the exception
// it led to, and so on. Without any call of the application it is the innermost call of the root cause; "" without calls.
//
// The name is the same for every build of a program: lines, addresses and what compilers number are left out.
func (t *Trace) Culprit(r Rules) (name string, inApp bool) {
	for _, e := range slices.Backward(t.Exceptions) {
		for k := range e.Frames {
			if r.InApp(t.Language, &e.Frames[k]) {
				if name = Name(t.Language, &e.Frames[k]); name != "" {
					return name, true
				}
			}
		}
	}
	for _, e := range slices.Backward(t.Exceptions) {
		if len(e.Frames) > 0 {
			return Name(t.Language, &e.Frames[0]), false
		}
	}
	return "", false
}

// Name returns what a call is called in every build of a program.
func Name(language Language, f *Frame) string {
	switch language {
	case LanguageGo:
		return nameGo(f.Function)
	case LanguageJVM:
		return nameJVM(f.Function)
	case LanguageDotNet:
		return nameDotNet(f.Function)
	case LanguagePHP:
		return strings.TrimSuffix(strings.ReplaceAll(f.Function, "->", "."), ".{closure}")
	case LanguageRuby:
		return inFile(f.File, nameRuby(f.Function))
	case LanguageV8:
		return inFile(f.File, nameV8(f.Function))
	}
	return inFile(f.File, namePython(f.Function))
}

// nameGo takes off what the compiler numbers, the closures main.run.func1.2, and type arguments.
func nameGo(s string) string {
	s = strings.TrimSuffix(s, "-fm")
	if at := strings.Index(s, "[...]"); at >= 0 {
		s = s[:at] + s[at+len("[...]"):]
	}
	for {
		dot := strings.LastIndexByte(s, '.')
		if dot <= 0 || dot < strings.LastIndexByte(s, '/') {
			return s
		}
		last := s[dot+1:]
		for _, word := range [...]string{"func", "gowrap", "deferwrap", "init", ""} {
			if rest, ok := strings.CutPrefix(last, word); ok && rest != "" && isDigits(rest) {
				last = ""
				break
			}
		}
		if last != "" && !isRangeFunc(last) {
			return s
		}
		s = s[:dot]
	}
}

// isRangeFunc matches func1-range2, the body of a loop over a function.
func isRangeFunc(s string) bool {
	head, tail, ok := strings.Cut(s, "-range")
	return ok && strings.HasPrefix(head, "func") && isDigits(head[len("func"):]) && isDigits(tail)
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// nameJVM takes off what compilers and proxies make of a class and a method: Orders$1.run, Orders.lambda$charge$0,
// Orders$$EnhancerBySpringCGLIB$$1f2e.charge, Orders.$anonfun$charge$1, Orders$charge$1.invokeSuspend.
func nameJVM(s string) string {
	dot := strings.LastIndexByte(s, '.')
	if dot < 0 {
		return s
	}
	class, method := s[:dot], s[dot+1:]
	if at := strings.Index(class, "$$"); at > 0 {
		class = class[:at]
	}
	for _, word := range [...]string{"lambda$", "$anonfun$"} {
		if rest, ok := strings.CutPrefix(method, word); ok {
			method, _, _ = strings.Cut(rest, "$")
		}
	}
	if at := strings.IndexByte(class, '$'); at > 0 {
		parts := strings.Split(class[at+1:], "$")
		class = class[:at]
		for i, part := range parts {
			switch {
			case part == "" || isDigits(part) || part == "Companion" || part == "anonfun":
			case i+1 < len(parts) && parts[i+1] != "" && isDigits(parts[i+1]) && part[0] >= 'a' && part[0] <= 'z':
				// Kotlin names the class of a lambda or a coroutine for the function around it.
				method = part
			default:
				class += "$" + part
			}
		}
	}
	if at := strings.IndexByte(method, '$'); at > 0 {
		method = method[:at]
	}
	return class + "." + method
}

// nameDotNet takes off what compilers make of asynchronous functions, iterators and closures: Orders.<Charge>d__4.MoveNext,
// Orders.<>c__DisplayClass3_0.<Charge>b__0, Orders.<Charge>g__Check|2_0; and arities, List`1.
func nameDotNet(s string) string {
	if at := strings.IndexByte(s, '<'); at > 0 && strings.HasPrefix(s[at:], "<>c") {
		rest := s[at:]
		if next := strings.Index(rest[1:], "<"); next >= 0 {
			s = s[:at] + rest[1+next:]
		}
	}
	if open := strings.IndexByte(s, '<'); open >= 0 {
		if closing := strings.IndexByte(s[open:], '>'); closing > 1 {
			s = s[:open] + s[open+1:open+closing]
		}
	}
	s = strings.ReplaceAll(s, "+", ".")
	for {
		tick := strings.IndexByte(s, '`')
		if tick < 0 {
			break
		}
		_, digits := number(s[tick+1:])
		s = s[:tick] + s[tick+1+digits:]
	}
	if at := strings.IndexByte(s, '['); at > 0 {
		s = s[:at]
	}
	return s
}

// nameRuby takes off the blocks: "block (2 levels) in charge".
func nameRuby(s string) string {
	if at := strings.LastIndex(s, " in "); at >= 0 {
		s = s[at+len(" in "):]
	}
	return s
}

// nameV8 takes off the receivers that differ from run to run and the anonymous functions.
func nameV8(s string) string {
	s = strings.TrimPrefix(s, "Object.")
	s = strings.TrimPrefix(s, "async ")
	if s == "<anonymous>" || s == "eval" {
		return ""
	}
	return strings.TrimSuffix(s, ".<anonymous>")
}

func namePython(s string) string {
	if s == "<module>" || s == "<lambda>" {
		return ""
	}
	return strings.TrimSuffix(s, ".<lambda>")
}

// inFile puts the file's own name in front: where a program is installed, and whether it was compiled, differs.
func inFile(file, function string) string {
	if file == "" {
		return function
	}
	file = strings.ReplaceAll(file, `\`, "/")
	if at := strings.IndexByte(file, '?'); at > 0 {
		file = file[:at]
	}
	base := path.Base(file)
	switch name := strings.TrimSuffix(base, path.Ext(base)); name {
	case "index", "__init__", "__main__", "":
		base = path.Base(path.Dir(file)) + "/" + name
	default:
		base = name
	}
	if function == "" {
		return base
	}
	return base + "." + function
}
