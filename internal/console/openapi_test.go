package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// document is what the tests read of openapi.yaml.
type document struct {
	OpenAPI string                         `yaml:"openapi"`
	Paths   map[string]map[string]endpoint `yaml:"paths"`
	Parts   struct {
		Parameters map[string]parameter `yaml:"parameters"`
		Schemas    map[string]schema    `yaml:"schemas"`
	} `yaml:"components"`
}

type endpoint struct {
	Parameters []parameter `yaml:"parameters"`
}

type parameter struct {
	Ref  string `yaml:"$ref"`
	Name string `yaml:"name"`
	In   string `yaml:"in"`
}

type schema struct {
	Ref        string            `yaml:"$ref"`
	Type       any               `yaml:"type"`
	Enum       []any             `yaml:"enum"`
	Pattern    string            `yaml:"pattern"`
	Minimum    *float64          `yaml:"minimum"`
	AllOf      []schema          `yaml:"allOf"`
	Required   []string          `yaml:"required"`
	Properties map[string]schema `yaml:"properties"`
	Additional *schema           `yaml:"additionalProperties"`
	Items      *schema           `yaml:"items"`
}

var parseDocument = sync.OnceValues(func() (*document, error) {
	var d document
	return &d, yaml.Unmarshal(openAPI, &d)
})

func readDocument(t require.TestingT) *document {
	d, err := parseDocument()
	require.NoError(t, err)
	return d
}

func name(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

// flatten resolves references and adds up allOf.
func (d *document) flatten(s schema) schema {
	if s.Ref != "" {
		return d.flatten(d.Parts.Schemas[name(s.Ref)])
	}
	for _, part := range s.AllOf {
		part = d.flatten(part)
		s.Type = part.Type
		s.Required = append(slices.Clone(s.Required), part.Required...)
		properties := maps.Clone(part.Properties)
		maps.Copy(properties, s.Properties)
		s.Properties = properties
	}
	return s
}

// validate reports how a value deviates from its schema. A field that the schema does not name is a deviation too.
func (d *document) validate(path string, s schema, v any) error {
	s = d.flatten(s)
	if err := s.checkType(v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	switch v := v.(type) {
	case map[string]any:
		return d.validateObject(path, s, v)
	case []any:
		for i, element := range v {
			if err := d.validate(fmt.Sprintf("%s[%d]", path, i), *s.Items, element); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *document) validateObject(path string, s schema, v map[string]any) error {
	for _, required := range s.Required {
		if _, ok := v[required]; !ok {
			return fmt.Errorf("%s: %s is missing", path, required)
		}
	}
	for key, element := range v {
		property, ok := s.Properties[key]
		if !ok && s.Additional != nil {
			property, ok = *s.Additional, true
		}
		if !ok {
			return fmt.Errorf("%s: %s is not described", path, key)
		}
		if err := d.validate(path+"."+key, property, element); err != nil {
			return err
		}
	}
	return nil
}

func (s *schema) checkType(v any) error {
	types, ok := s.Type.([]any)
	if !ok {
		types = []any{s.Type}
	}
	if !slices.ContainsFunc(types, func(want any) bool { return isType(want, v) }) {
		return fmt.Errorf("%v is not of the type %v", v, types)
	}
	if s.Enum != nil && !slices.Contains(s.Enum, v) {
		return fmt.Errorf("%v is not one of %v", v, s.Enum)
	}
	if text, ok := v.(string); ok && s.Pattern != "" && !regexp.MustCompile(s.Pattern).MatchString(text) {
		return fmt.Errorf("%v does not match %v", v, s.Pattern)
	}
	if number, ok := v.(float64); ok && s.Minimum != nil && number < *s.Minimum {
		return fmt.Errorf("%v is less than %v", v, *s.Minimum)
	}
	return nil
}

func isType(want, v any) bool {
	switch v := v.(type) {
	case nil:
		return want == "null"
	case bool:
		return want == "boolean"
	case string:
		return want == "string"
	case []any:
		return want == "array"
	case map[string]any:
		return want == "object"
	case float64:
		return want == "number" || want == "integer" && v == float64(int64(v))
	}
	return false
}

func requireSchema(t require.TestingT, schemaName string, body []byte) {
	d := readDocument(t)
	s, ok := d.Parts.Schemas[schemaName]
	require.True(t, ok, schemaName)
	var v any
	require.NoError(t, json.Unmarshal(body, &v))
	require.NoError(t, d.validate(schemaName, s, v))
}

func TestTheValidatorFindsDeviations(t *testing.T) {
	d := readDocument(t)
	for body, want := range map[string]string{
		`[]`: "Health: [] is not of the type [object]",
		`{}`: "Health: operation is missing",
		`{"operation":"a","status":"bad","as_of":"","window_seconds":1,"stuck":0,"failed":0,"in_progress":0,"operations":[]}`:      "Health.status: bad is not one of [ok failing]",
		`{"operation":"a","status":"ok","as_of":"","window_seconds":1,"stuck":0.5,"failed":0,"in_progress":0,"operations":[]}`:     "Health.stuck: 0.5 is not of the type [integer]",
		`{"operation":"a","status":"ok","as_of":"","window_seconds":1,"stuck":0,"failed":0,"in_progress":0,"operations":null}`:     "Health.operations: <nil> is not of the type [array]",
		`{"operation":"a","status":"ok","as_of":"","window_seconds":1,"stuck":0,"failed":0,"in_progress":0,"operations":[],"x":1}`: "Health: x is not described",
	} {
		var v any
		require.NoError(t, json.Unmarshal([]byte(body), &v))
		require.EqualError(t, d.validate("Health", d.Parts.Schemas["Health"], v), want)
	}
}

func TestEveryRouteIsDescribed(t *testing.T) {
	d := readDocument(t)
	require.True(t, strings.HasPrefix(d.OpenAPI, "3.1."))
	paths := map[string]bool{}
	for _, rt := range routes() {
		paths[rt.Path] = true
		described, ok := d.Paths[rt.Path][strings.ToLower(rt.Method)]
		require.True(t, ok, rt.Path)
		query, inPath := d.parameters(t, described)
		require.Equal(t, rt.Parameters, query, rt.Path)
		for _, name := range inPath {
			require.Contains(t, rt.Path, "/{"+name+"}")
		}
		require.Len(t, inPath, strings.Count(rt.Path, "{"), rt.Path)
	}
	require.Len(t, d.Paths, len(paths), "no path is described that does not exist")
}

func (d *document) parameters(t *testing.T, o endpoint) (query, inPath []string) {
	t.Helper()
	query = []string{}
	for _, p := range o.Parameters {
		if p.Ref != "" {
			var ok bool
			p, ok = d.Parts.Parameters[name(p.Ref)]
			require.True(t, ok)
		}
		if p.In == "path" {
			inPath = append(inPath, p.Name)
		} else {
			query = append(query, p.Name)
		}
	}
	return query, inPath
}

func TestEveryReferenceLeadsSomewhere(t *testing.T) {
	var v any
	require.NoError(t, yaml.Unmarshal(openAPI, &v))
	for _, match := range regexp.MustCompile(`\$ref: '#/([^']+)'`).FindAllSubmatch(openAPI, -1) {
		at := v
		for key := range strings.SplitSeq(string(match[1]), "/") {
			m, ok := at.(map[string]any)
			require.True(t, ok, string(match[1]))
			at, ok = m[key]
			require.True(t, ok, string(match[1]))
		}
	}
}

func TestTheDescriptionIsServed(t *testing.T) {
	w := do(t, handler(example()), http.MethodGet, "/api/v1/openapi.yaml")
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "application/yaml", w.Header().Get("Content-Type"))
	require.True(t, bytes.Equal(openAPI, w.Body.Bytes()))
}
