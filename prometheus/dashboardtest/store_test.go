package dashboardtest

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
	"github.com/stretchr/testify/require"
)

// store keeps what it scrapes, as a Prometheus server does, in the format that it asks for:
// in text histograms are classic, in protobuf they are native.
type store struct {
	format expfmt.Format
	series map[uint64]*series
}

type series struct {
	labels  labels.Labels
	samples []chunks.Sample
}

func newStore(format expfmt.Format) *store {
	return &store{format: format, series: make(map[uint64]*series)}
}

// scrape takes what there is at the moment.
func (s *store) scrape(t testing.TB, registry prometheus.Gatherer) {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	var page bytes.Buffer
	encoder := expfmt.NewEncoder(&page, s.format)
	for _, f := range families {
		require.NoError(t, encoder.Encode(f))
	}
	symbols := labels.NewSymbolTable()
	parser, err := textparse.New(page.Bytes(), string(s.format), symbols, textparse.ParserOptions{})
	require.NoError(t, err)
	now := time.Now().UnixMilli()
	for {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
		one := sample{at: now}
		switch entry {
		case textparse.EntrySeries:
			_, _, one.value = parser.Series()
		case textparse.EntryHistogram:
			_, _, h, _ := parser.Histogram()
			require.NotNil(t, h)
			one.histogram = h.ToFloat(nil)
		default:
			continue
		}
		var names labels.Labels
		parser.Labels(&names)
		s.add(names, one)
	}
}

// add adds a sample with the labels that a server gives it.
func (s *store) add(names labels.Labels, one sample) {
	b := labels.NewBuilder(names)
	b.Set("job", "shop").Set("instance", "shop-1:8080")
	with := b.Labels()
	kept := s.series[with.Hash()]
	if kept == nil {
		kept = &series{labels: with.Copy()}
		s.series[with.Hash()] = kept
	}
	kept.samples = append(kept.samples, one)
}

func (s *store) query(t testing.TB, engine *promql.Engine, expr string, at time.Time) promql.Vector {
	t.Helper()
	q, err := engine.NewInstantQuery(t.Context(), storage.QueryableFunc(s.querier), nil, expr, at)
	require.NoError(t, err, expr)
	defer q.Close()
	result := q.Exec(t.Context())
	require.Empty(t, result.Warnings.AsErrors(), expr)
	vector, err := result.Vector()
	require.NoError(t, err, expr)
	return slices.Clone(vector)
}

func (s *store) querier(from, to int64) (storage.Querier, error) {
	return &storage.MockQuerier{SelectMockFunction: func(_ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
		return s.find(from, to, matchers)
	}}, nil
}

func (s *store) find(from, to int64, matchers []*labels.Matcher) storage.SeriesSet {
	set := &found{}
	for one := range maps.Values(s.series) {
		if !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(one.labels.Get(m.Name)) }) {
			within := slices.DeleteFunc(slices.Clone(one.samples), func(x chunks.Sample) bool { return x.T() < from || x.T() > to })
			set.all = append(set.all, storage.NewListSeries(one.labels, within))
		}
	}
	return set
}

// found is a storage.SeriesSet.
type found struct {
	all []storage.Series
	at  storage.Series
}

func (f *found) Next() bool {
	if len(f.all) == 0 {
		return false
	}
	f.at, f.all = f.all[0], f.all[1:]
	return true
}

func (f *found) At() storage.Series                { return f.at }
func (f *found) Err() error                        { return nil }
func (f *found) Warnings() annotations.Annotations { return nil }

// sample is a chunks.Sample.
type sample struct {
	at        int64
	value     float64
	histogram *histogram.FloatHistogram // nil for a sample that is a number
}

func (s sample) T() int64                      { return s.at }
func (s sample) ST() int64                     { return 0 }
func (s sample) F() float64                    { return s.value }
func (s sample) H() *histogram.Histogram       { return nil }
func (s sample) FH() *histogram.FloatHistogram { return s.histogram }
func (s sample) Copy() chunks.Sample           { return s }
func (s sample) Type() chunkenc.ValueType {
	if s.histogram != nil {
		return chunkenc.ValFloatHistogram
	}
	return chunkenc.ValFloat
}
