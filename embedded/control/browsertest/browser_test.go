package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// patience is how long the page may take for what a test waits for. On a busy machine the
// browser may stand still for half a minute, and draws slowly.
const patience = 3 * time.Minute

// heldTimers has the timers of all pages never fire. The page takes a question such as
// "Delete all messages?" back by one after some seconds, in which a busy machine may not come
// to answer it. What it does again and again goes on.
const heldTimers = `(() => {
	const real = window.setTimeout;
	window.setTimeout = (f, ms, ...args) => real(f, ms >= 1000 ? 1e9 : ms, ...args);
})()`

// findBrowser returns the path of Chromium, or skips the test. REQUIRE_BROWSER=1 fails it.
func findBrowser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "headless-shell"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("REQUIRE_BROWSER") == "1" {
		t.Fatal("there is no Chromium, and REQUIRE_BROWSER=1")
	}
	t.Skip("there is no Chromium: install package chromium, or set REQUIRE_BROWSER=1 to fail")
	return ""
}

// browser is a headless Chromium, a tab of which is looked at.
type browser struct {
	ctx         context.Context
	url         string
	screenshots string
	troubles    *troubles
}

// troubles are what must not happen: dialogs, exceptions, and what the policy has blocked.
type troubles struct {
	mu   sync.Mutex
	list []string
}

func (l *troubles) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, fmt.Sprintf(format, args...))
}

// await waits until there are so many troubles, or more, and takes them: the browser tells of
// them some time after the page has shown what they have led to.
func (l *troubles) await(t *testing.T, count int) []string {
	t.Helper()
	require.Eventually(t, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.list) >= count
	}, patience, 10*time.Millisecond)
	return l.take()
}

func (l *troubles) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.list
	l.list = nil
	return list
}

// startBrowser starts a browser for a page. Screenshots go to the folder that the
// environment variable SCREENSHOTS names.
func startBrowser(t *testing.T, url string, more ...chromedp.ExecAllocatorOption) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(findBrowser(t)), chromedp.NoSandbox, chromedp.DisableGPU,
	)
	allocated, stop := chromedp.NewExecAllocator(t.Context(), append(options, more...)...)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(allocated)
	b := &browser{ctx: ctx, url: url, screenshots: os.Getenv("SCREENSHOTS"), troubles: &troubles{}}
	if b.screenshots == "" {
		b.screenshots = t.TempDir()
	}
	require.NoError(t, os.MkdirAll(b.screenshots, 0o755))
	var closing sync.WaitGroup
	t.Cleanup(func() {
		closeTab()
		closing.Wait()
	})
	require.NoError(t, chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *page.EventJavascriptDialogOpening:
			b.troubles.add("dialog: %s", e.Message)
			closing.Go(func() {
				_, _ = chromedp.Call(ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true})
			})
		case *runtime.EventExceptionThrown:
			b.troubles.add("exception: %s", e.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			if e.Entry.Level == log.EntryLevelError {
				b.troubles.add("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
			}
		}
	}))
	_, err := chromedp.Call(ctx, log.Enable, cdp.Empty{})
	require.NoError(t, err)
	_, err = chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: heldTimers})
	require.NoError(t, err)
	b.wide(t)
	return b
}

// run has the browser do something, with patience.
func run[T any](t *testing.T, b *browser, action chromedp.Action[T]) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, action)
	require.NoError(t, err)
	return v
}

// open opens a path, which has to have a heading.
func (b *browser) open(t *testing.T, path, heading string) {
	t.Helper()
	run(t, b, chromedp.Navigate(b.url+strings.TrimPrefix(path, "/")))
	b.await(t, `document.querySelector('h1') && document.querySelector('h1').textContent.includes(`+quote(heading)+`)`)
}

// await waits until an expression is true.
func (b *browser) await(t *testing.T, expression string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	// A page that is being left takes what waits on it along, so it is asked again.
	for {
		_, err := chromedp.Run(ctx, chromedp.Poll[chromedp.Void](expression, chromedp.WithPollingInterval(20*time.Millisecond), chromedp.WithPollingTimeout(patience)))
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			b.shoot(t, "failed")
			require.NoError(t, err, "waiting for %s on a page that has:\n%s", expression, b.text(t, "main"))
		}
	}
}

// sees waits until a text is to be seen in what a selector finds.
func (b *browser) sees(t *testing.T, selector, text string) {
	t.Helper()
	b.await(t, fmt.Sprintf(`[...document.querySelectorAll(%s)].some((e) => e.innerText.includes(%s))`, quote(selector), quote(text)))
}

// text is what there is to be read in an element.
func (b *browser) text(t *testing.T, selector string) string {
	t.Helper()
	return value[string](t, b, `document.querySelector(`+quote(selector)+`).innerText`)
}

// value is that of an expression.
func value[T any](t *testing.T, b *browser, expression string) T {
	t.Helper()
	return run(t, b, chromedp.Evaluate[T](expression))
}

// press presses the first button that has a label, in what a selector finds. It finds and
// presses it at once, as a page that is brought up to date in between may not have it any more.
func (b *browser) press(t *testing.T, selector, label string) {
	t.Helper()
	b.await(t, fmt.Sprintf(`(() => {
		const button = [...document.querySelectorAll(%s)].flatMap((e) => [...e.querySelectorAll('button')]).find((e) => e.textContent === %s && !e.disabled);
		button?.click();
		return !!button;
	})()`, quote(selector), quote(label)))
}

// fill sets a field of a form, as a person does who chooses or types.
func (b *browser) fill(t *testing.T, form, name, text string) {
	t.Helper()
	run(t, b, chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`(() => {
		const field = document.querySelector(%s).elements[%s];
		field.value = %s;
		field.dispatchEvent(new Event('change', {bubbles: true}));
	})()`, quote(form), quote(name), quote(text))))
}

// shoot makes a screenshot of the whole page.
func (b *browser) shoot(t *testing.T, name string) {
	t.Helper()
	picture := run(t, b, chromedp.FullScreenshot(100))
	require.NoError(t, os.WriteFile(filepath.Join(b.screenshots, name+".png"), picture, 0o644))
}

// narrow makes the window as wide as a telephone, dark what is bright.
func (b *browser) narrow(t *testing.T) {
	t.Helper()
	run(t, b, chromedp.EmulateViewport(390, 844))
}

func (b *browser) wide(t *testing.T) {
	t.Helper()
	run(t, b, chromedp.EmulateViewport(1280, 900))
}

func (b *browser) scheme(t *testing.T, scheme string) {
	t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	require.NoError(t, err)
}

// fits: nothing is wider than the window, but for what scrolls by itself.
func (b *browser) fits(t *testing.T) {
	t.Helper()
	wide := value[[]string](t, b, `[...document.querySelectorAll('body *')].filter((e) => !e.parentElement.closest('.scroll') &&
		e.getBoundingClientRect().right > window.innerWidth + 1).map((e) => e.tagName + ' ' + e.className + ' ' + e.textContent.slice(0, 40))`)
	require.Empty(t, wide, "at %s", value[string](t, b, `location.href`))
}

// clean: nothing has happened that must not, and no element is there that the page does
// not have by itself.
func (b *browser) clean(t *testing.T) {
	t.Helper()
	require.Empty(t, b.troubles.take())
	require.Zero(t, value[int](t, b, `document.querySelectorAll('img, iframe, object, embed, b, marquee, svg:not(.spark > svg), script:not([src="/page.js"]), [onerror], [onload], [onclick]').length`))
}

// quote is a text in JavaScript.
func quote(text string) string {
	quoted, _ := json.Marshal(text) // of a string: it cannot fail
	return string(quoted)
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
