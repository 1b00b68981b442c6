// Package config holds the collector configurations that ship with Throughline.
//
// They are files so that they can be read, copied and changed, and they are embedded so that the binary starts with no
// file at hand (`throughline --config embedded:quickstart`). Every one of them is validated by a test beside the
// generated main. jaeger.yaml and jaeger-ui.json are no configurations of the collector: they are for the Jaeger beside it.
package config

import (
	"bytes"
	"embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed *.yaml
var files embed.FS

//go:embed jaeger.yaml
var jaeger []byte

//go:embed jaeger-ui.json
var jaegerUI []byte

const (
	extension  = ".yaml"
	jaegerFile = "jaeger.yaml"
)

// Jaeger returns the YAML that the Jaeger beside the collector runs with.
func Jaeger() []byte { return bytes.Clone(jaeger) }

// JaegerUI returns the JSON that Jaeger's user interface is configured with: links to the console, and what comes first.
func JaegerUI() []byte { return bytes.Clone(jaegerUI) }

// Names lists the configurations of the collector that exist, in alphabetical order and without their file extension.
func Names() []string {
	// ReadDir cannot fail on the root of an embedded file system.
	entries, _ := files.ReadDir(".")
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		if entry.Name() == jaegerFile {
			continue
		}
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
