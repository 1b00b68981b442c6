package deploy

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

type dashboard struct {
	UID        string `json:"uid"`
	Title      string `json:"title"`
	Templating struct {
		List []struct {
			Name       string `json:"name"`
			Type       string `json:"type"`
			Definition string `json:"definition"`
		} `json:"list"`
	} `json:"templating"`
	Links []struct {
		URL string `json:"url"`
	} `json:"links"`
	Panels []dashboardPanel `json:"panels"`
}

type dashboardPanel struct {
	ID          int    `json:"id"`
	Type        string `json:"type"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Datasource  struct {
		UID string `json:"uid"`
	} `json:"datasource"`
	GridPos struct{ H, W, X, Y int } `json:"gridPos"`
	Targets []struct {
		RefID string `json:"refId"`
		Expr  string `json:"expr"`
	} `json:"targets"`
	FieldConfig struct {
		Defaults struct {
			Unit string `json:"unit"`
		} `json:"defaults"`
	} `json:"fieldConfig"`
}

// readDashboards returns the dashboards by the name of their file, and their text.
func readDashboards(tb testing.TB) (parsed map[string]dashboard, texts map[string]string) {
	tb.Helper()
	paths, err := filepath.Glob("grafana/dashboards/*.json")
	require.NoError(tb, err)
	require.Len(tb, paths, 4)
	parsed, texts = map[string]dashboard{}, map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(tb, err)
		var d dashboard
		require.NoError(tb, json.Unmarshal(text, &d), path)
		parsed[filepath.Base(path)], texts[filepath.Base(path)] = d, string(text)
	}
	return parsed, texts
}

func TestDashboardsUseWhatIsExposed(t *testing.T) {
	e := readExposed(t).withRecorded(t)
	dashboards, _ := readDashboards(t)
	for file, d := range dashboards {
		for _, p := range d.Panels {
			require.Equal(t, p.Type == "row", len(p.Targets) == 0, "%s: %s", file, p.Title)
			for _, target := range p.Targets {
				require.NoError(t, e.check(variables.Replace(target.Expr)), "%s: %s", file, p.Title)
			}
		}
		for _, v := range d.Templating.List {
			if v.Type == "query" {
				metric, label, ok := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(v.Definition, "label_values("), ")"), ", ")
				require.True(t, ok, v.Definition)
				require.NoError(t, e.check("sum by ("+label+") ("+variables.Replace(metric)+")"), "%s: %s", file, v.Name)
			}
		}
	}
}

func TestPanelsTellWhatTheyShow(t *testing.T) {
	dashboards, _ := readDashboards(t)
	for file, d := range dashboards {
		ids := map[int]bool{}
		for _, p := range d.Panels {
			require.False(t, ids[p.ID], "%s: two panels have the ID %d", file, p.ID)
			ids[p.ID] = true
			require.NotEmpty(t, p.Title, file)
			if p.Type == "row" {
				continue
			}
			require.NotEmpty(t, p.FieldConfig.Defaults.Unit, "%s: %s", file, p.Title)
			require.Greater(t, len(p.Description), 20, "%s: %s", file, p.Title)
			require.Equal(t, "${datasource}", p.Datasource.UID, "%s: %s", file, p.Title)
		}
	}
}

func TestPanelsDoNotOverlap(t *testing.T) {
	dashboards, _ := readDashboards(t)
	for file, d := range dashboards {
		taken := map[[2]int]string{}
		for _, p := range d.Panels {
			require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, "%s: %s", file, p.Title)
			for x := range p.GridPos.W {
				for y := range p.GridPos.H {
					at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
					require.Empty(t, taken[at], "%s: %s lies over another panel", file, p.Title)
					taken[at] = p.Title
				}
			}
		}
	}
}

// Every variable in use is defined, none is defined in vain, and each dashboard leads to the console and to Jaeger.
func TestVariablesAndLinks(t *testing.T) {
	use := regexp.MustCompile(`\$\{?([a-z]+)\b`)
	uids := map[string]bool{}
	dashboards, texts := readDashboards(t)
	for _, d := range dashboards {
		require.False(t, uids[d.UID], d.UID)
		uids[d.UID] = true
	}
	for file, d := range dashboards {
		defined, used := map[string]bool{}, map[string]bool{}
		for _, v := range d.Templating.List {
			defined[v.Name] = true
		}
		for _, match := range use.FindAllStringSubmatch(texts[file], -1) {
			used[match[1]] = true
		}
		require.Equal(t, defined, used, file)

		var links []string
		for _, l := range d.Links {
			links = append(links, l.URL)
		}
		all := strings.Join(links, " ")
		require.Contains(t, all, "${console}/api/v1/incidents", file)
		require.Contains(t, all, "${jaeger}/search", file)
		for _, match := range regexp.MustCompile(`"/d/([a-z-]+)`).FindAllStringSubmatch(texts[file], -1) {
			require.True(t, uids[match[1]], "%s leads to %s, which is none of them", file, match[1])
		}
	}
}
