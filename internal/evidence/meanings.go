package evidence

import "slices"

// meaning is what a name says about its value.
type meaning struct {
	field field
	// rank tells names of one field apart, the best is 0.
	rank uint8
	// word and wordRank say what loggers mean by it.
	word     word
	wordRank uint8
	// correlation is the rank among the correlation keys plus 1, 0 for none; a key may be both.
	correlation uint16
	namespace   bool
	// meant says that it means anything besides a word, plain that a text is all there is to take.
	meant, plain bool
	// system is the messaging system that the attribute gives away.
	system string
	// flag is the name of an attribute that says yes or no about how a span ended.
	flag string
}

// newMeanings returns what the names of attributes mean on the records of a library, nil for those of all others; with the
// words of loggers, or without.
func newMeanings(cfg Config, lib *Library, loggers bool) *lookup[meaning] {
	entries := fieldMeanings(lib)
	for rank, key := range cfg.CorrelationKeys {
		if lib != nil && slices.Contains(lib.IgnoreKeys, key) {
			continue
		}
		m := entries[key]
		if m.correlation == 0 {
			m.correlation = uint16(rank) + 1
		}
		entries[key] = m
	}
	if cfg.NamespaceKey != "" {
		m := entries[cfg.NamespaceKey]
		m.namespace = true
		entries[cfg.NamespaceKey] = m
	}
	for key, m := range entries {
		m.system, m.meant = impliedSystems[key], true
		if m.field == fieldState || m.field == fieldDisposition {
			m.flag = key
		}
		m.plain = m.correlation == 0 && !m.namespace && m.system == "" && m.flag == ""
		entries[key] = m
	}
	if loggers {
		addWords(entries)
	}
	return newLookup(entries)
}

// fieldMeanings has the names of fields: the library's own come first.
func fieldMeanings(lib *Library) map[string]meaning {
	entries := make(map[string]meaning)
	if lib != nil {
		for name, keys := range lib.Attributes {
			f := attributeFields[name]
			for i, key := range keys {
				entries[key] = meaning{field: f, rank: uint8(i)}
			}
		}
	}
	for f, keys := range names {
		first := 0
		if lib != nil {
			first = len(lib.Attributes[fieldNames[f]])
		}
		for rank, key := range keys {
			if _, taken := entries[key]; !taken {
				entries[key] = meaning{field: field(f), rank: uint8(first + rank)}
			}
		}
	}
	return entries
}

// addWords adds what loggers mean by a name to what it means otherwise.
func addWords(entries map[string]meaning) {
	for w, keys := range words {
		for rank, key := range keys {
			m := entries[key]
			m.word, m.wordRank = word(w), uint8(rank)
			entries[key] = m
		}
	}
}
