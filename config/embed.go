// Package config holds the collector configurations that ship with Throughline.
//
// They are files so that they can be read, copied and changed, and they are embedded so that the binary starts with no
// file at hand (`throughline --config embedded:quickstart`). Every one of them is validated by a test beside the
// generated main.
package config

import (
	"embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed *.yaml
var files embed.FS

const extension = ".yaml"

// Names lists the configurations that exist, in alphabetical order and without their file extension.
func Names() []string {
	// ReadDir cannot fail on the root of an embedded file system.
	entries, _ := files.ReadDir(".")
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		names = append(names, strings.TrimSuffix(entry.Name(), extension))
	}
	slices.Sort(names)
	return names
}

// Read returns the YAML of the named configuration. An unknown name is refused with the names that exist.
func Read(name string) ([]byte, error) {
	if !slices.Contains(Names(), name) {
		return nil, fmt.Errorf("no embedded configuration %q; available: %s", name, strings.Join(Names(), ", "))
	}
	return files.ReadFile(name + extension)
}
