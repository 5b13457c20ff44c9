// Knots prints the largest knot of files in each package: files of which each needs each
// other, directly or through others of them. A file needs another if it names something
// that is declared there, methods and fields included. It fails if a knot is larger than
// allowed.
//
//	go run -C tools ./knots [-most 15] [-v] [package patterns]
package main

import (
	"flag"
	"fmt"
	"go/ast"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/tools/go/packages"
)

func main() {
	most := flag.Int("most", 15, "the most files that a knot may have")
	verbose := flag.Bool("v", false, "name the files of each knot, and what each needs of the others")
	flag.Parse()
	patterns := flag.Args()
	if len(patterns) == 0 {
		patterns = []string{"./..."}
	}
	failed, err := run(patterns, *most, *verbose)
	if err != nil {
		fmt.Fprintln(os.Stderr, "knots:", err)
		os.Exit(1)
	}
	if failed {
		os.Exit(1)
	}
}

func run(patterns []string, most int, verbose bool) (failed bool, err error) {
	loaded, err := packages.Load(&packages.Config{
		Dir:  "..",
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedImports | packages.NeedDeps,
	}, patterns...)
	if err != nil {
		return false, err
	}
	if packages.PrintErrors(loaded) > 0 {
		return false, fmt.Errorf("the packages do not compile")
	}
	for _, pkg := range loaded {
		g := needs(pkg)
		knot := largestKnot(g)
		fmt.Printf("%3d of %3d files  %s\n", len(knot), len(pkg.Syntax), pkg.PkgPath)
		if verbose && len(knot) > 1 {
			g.print(knot)
		}
		if len(knot) > most {
			failed = true
			fmt.Printf("    a knot of %d files, %d are allowed: %v\n", len(knot), most, knot)
		}
	}
	return failed, nil
}

// graph says which files each file needs, and for which names.
type graph map[string]map[string]map[string]bool

// print prints what the files of a knot need of each other.
func (g graph) print(knot []string) {
	for _, from := range knot {
		for _, to := range knot {
			if names := g[from][to]; len(names) > 0 {
				fmt.Printf("    %s needs of %s: %v\n", from, to, slices.Sorted(maps.Keys(names)))
			}
		}
	}
}

func needs(pkg *packages.Package) graph {
	g := make(graph)
	for _, file := range pkg.Syntax {
		from := filepath.Base(pkg.Fset.Position(file.Package).Filename)
		g[from] = make(map[string]map[string]bool)
		ast.Inspect(file, func(node ast.Node) bool {
			name, ok := node.(*ast.Ident)
			if !ok {
				return true
			}
			if used := pkg.TypesInfo.Uses[name]; used != nil && used.Pkg() == pkg.Types {
				if to := filepath.Base(pkg.Fset.Position(used.Pos()).Filename); to != from {
					if g[from][to] == nil {
						g[from][to] = make(map[string]bool)
					}
					g[from][to][used.Name()] = true
				}
			}
			return true
		})
	}
	return g
}

// largestKnot returns the largest strongly connected component (Tarjan), sorted.
func largestKnot(g graph) []string {
	s := search{graph: g, index: make(map[string]int), low: make(map[string]int), on: make(map[string]bool)}
	for _, file := range slices.Sorted(maps.Keys(g)) {
		if s.index[file] == 0 {
			s.visit(file)
		}
	}
	slices.Sort(s.largest)
	return s.largest
}

type search struct {
	graph      graph
	index, low map[string]int
	on         map[string]bool
	stack      []string
	largest    []string
}

func (s *search) visit(file string) {
	s.index[file] = len(s.index) + 1
	s.low[file] = s.index[file]
	s.stack, s.on[file] = append(s.stack, file), true
	for _, to := range slices.Sorted(maps.Keys(s.graph[file])) {
		switch {
		case s.index[to] == 0:
			s.visit(to)
			s.low[file] = min(s.low[file], s.low[to])
		case s.on[to]:
			s.low[file] = min(s.low[file], s.index[to])
		}
	}
	if s.low[file] != s.index[file] {
		return
	}
	at := slices.Index(s.stack, file)
	knot := slices.Clone(s.stack[at:])
	s.stack = s.stack[:at]
	for _, f := range knot {
		s.on[f] = false
	}
	if len(knot) > len(s.largest) {
		s.largest = knot
	}
}
