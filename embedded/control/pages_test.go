package control_test

import (
	"math"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
)

var problem = regexp.MustCompile(`<p class="problem">`)

// A page that has nothing to show says so by its status too, as JSON does.
func TestPageStatus(t *testing.T) {
	w := newWorld(t)
	for path, want := range map[string]int{
		"/messages": 200, "/messages?topic=orders": 200, "/messages?topic=orders&queue=1": 200, "/messages?name=none": 200,
		"/messages?topic=none": 404, "/messages?topic=orders&broker=broker-z": 404, "/messages?topic=orders&broker=broker-a&queue=2": 404,
		"/messages?topic=orders&queue=x": 400, "/messages?topic=orders&offset=-1": 400, "/topic?name=none": 404, "/group?name=none": 404,
		"/message?topic=orders&broker=broker-a&queue=x&offset=0": 400, "/message?topic=orders&broker=broker-a&queue=0&offset=-1": 400,
		"/message?topic=orders&broker=broker-a&queue=0&offset=0": 404, "/message?topic=orders&broker=broker-z&queue=0&offset=0": 404,
	} {
		status, text := w.try(http.MethodGet, path, "")
		require.Equal(t, want, status, path)
		require.Equal(t, want != http.StatusOK, problem.MatchString(text), path)
	}
}

// What is preset for the queues of a topic leaves it as it is, on the broker that has most.
func TestPagePresetsQueues(t *testing.T) {
	w := newWorld(t, embedded.WithBrokers(2))
	require.NoError(t, w.cluster.Broker(0).CreateTopic("returns", 3))
	require.NoError(t, w.cluster.Broker(1).CreateTopic("returns", 5))
	_, text := w.try(http.MethodGet, "/topic?name=returns", "")
	require.Regexp(t, `<input name="queues"[^>]* value="5"`, text)
	require.Regexp(t, `id="queues" data-each="5"`, text)
	require.Regexp(t, `<button data-sure="[^"]+" data-unless="more">`, text)
}

// Watermill's names may be typed: no pattern refuses their dots.
func TestPageTakesWatermillNames(t *testing.T) {
	w := newWorld(t)
	_, text := w.try(http.MethodGet, "/topics", "")
	require.Contains(t, text, `<input name="name" required`)
	require.NotContains(t, text, "pattern=")
}

var (
	scheme = regexp.MustCompile(`(?s):root \{(.*?)\}`)
	colour = regexp.MustCompile(`--([a-z]+): #([0-9a-f]{3,6});`)
)

// brightness is the relative luminance of WCAG 2.2.
func brightness(t *testing.T, hex string) float64 {
	t.Helper()
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	rgb, err := strconv.ParseUint(hex, 16, 32)
	require.NoError(t, err)
	linear := func(c uint64) float64 {
		v := float64(c&0xff) / 255
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(rgb>>16) + 0.7152*linear(rgb>>8) + 0.0722*linear(rgb)
}

// Text can be read in both schemes: 4.5 to 1 is what WCAG 2.2 asks for (AA).
func TestPageContrast(t *testing.T) {
	text, err := os.ReadFile("page/style.css")
	require.NoError(t, err)
	schemes := scheme.FindAllStringSubmatch(string(text), -1)
	require.Len(t, schemes, 2)
	for _, s := range schemes {
		colours := make(map[string]float64)
		for _, m := range colour.FindAllStringSubmatch(s[1], -1) {
			colours[m[1]] = brightness(t, m[2])
		}
		for _, back := range []string{"back", "panel"} {
			for _, front := range []string{"text", "soft", "accent", "good", "bad", "in", "out"} {
				bright, dark := max(colours[back], colours[front]), min(colours[back], colours[front])
				require.GreaterOrEqual(t, (bright+0.05)/(dark+0.05), 4.5, "%s on %s", front, back)
			}
		}
	}
}
