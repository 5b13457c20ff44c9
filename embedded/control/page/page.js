// What the page does by itself: it brings what is marked data-live up to date every
// second, measures rates, and makes requests for buttons and forms. Text of the cluster
// goes into the document as text only; what comes as HTML was escaped by the server.
'use strict';

const refreshMillis = 1000;
const kept = 60; // samples of rates

const statusLine = document.getElementById('status');
const refreshBox = document.getElementById('refresh');

function say(text, bad) {
  statusLine.textContent = text;
  statusLine.classList.toggle('bad', bad);
  statusLine.hidden = false;
}

// Rates.

const samples = new Map(); // by topic: {at, in, out} of the last look, and the rates before

function measure() {
  for (const body of document.querySelectorAll('[data-rates] tbody')) {
    const at = Number(body.dataset.at);
    for (const row of body.querySelectorAll('tr[data-topic]')) {
      const now = {at, in: Number(row.dataset.in), out: Number(row.dataset.out)};
      const then = samples.get(row.dataset.topic);
      const rates = then ? then.rates : [];
      if (then && at > then.at) {
        const seconds = (at - then.at) / 1000;
        rates.push({in: Math.max(0, now.in - then.in) / seconds, out: Math.max(0, now.out - then.out) / seconds});
        if (rates.length > kept) rates.shift();
      }
      samples.set(row.dataset.topic, {...now, rates});
      show(row, rates);
    }
  }
}

function show(row, rates) {
  if (rates.length === 0) return;
  const last = rates[rates.length - 1];
  for (const way of ['in', 'out']) {
    const cell = row.querySelector('.rate-' + way), text = inDigits(last[way]);
    if (cell.textContent !== text) cell.textContent = text;
  }
  const most = Math.max(...rates.map((r) => Math.max(r.in, r.out)));
  if (most > 0) row.querySelector('.spark').replaceChildren(spark(rates, most));
}

function inDigits(rate) {
  return rate === 0 ? '0' : rate < 10 ? rate.toFixed(1) : Math.round(rate).toLocaleString('en');
}

function spark(rates, most) {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  svg.setAttribute('viewBox', `0 0 ${kept} 28`);
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('aria-hidden', 'true');
  for (const way of ['out', 'in']) {
    const line = document.createElementNS(space, 'polyline');
    line.setAttribute('class', way);
    line.setAttribute('points', rates.map((r, i) => `${kept - rates.length + i},${26 - 24 * r[way] / most}`).join(' '));
    svg.append(line);
  }
  return svg;
}

// What is live.

let refreshing = false;
let trouble = ''; // why what is shown is old, empty if it is not
let held = false; // a pointer is down: what is under it stays until it is up

addEventListener('pointerdown', () => { held = true; }, true);
for (const up of ['pointerup', 'pointercancel', 'blur']) {
  addEventListener(up, (event) => { if (up !== 'blur' || event.target === window) held = false; }, true);
}

async function refresh() {
  if (refreshing) return;
  refreshing = true;
  try {
    const answer = await fetch(location.href, {headers: {Accept: 'text/html'}});
    if (!answer.ok) {
      old(await why(answer));
      return;
    }
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
    current();
    if (held) return;
    for (const part of document.querySelectorAll('[data-live]')) {
      const now = fresh.getElementById(part.id);
      if (now) renew(part, now);
    }
    measure();
  } catch (err) {
    old('The server does not answer: ' + err.message);
  } finally {
    refreshing = false;
  }
}

// old says that what is shown is not how it is now, and current that it is again.
function old(text) {
  document.body.classList.add('stale');
  if (text !== statusLine.textContent || statusLine.hidden) say(text, true);
  trouble = text;
}

function current() {
  document.body.classList.remove('stale');
  if (trouble !== '') statusLine.hidden = true;
  trouble = '';
}

// why is what an answer that is none says: in JSON, on a page, or by its status alone.
async function why(answer) {
  const text = await answer.text();
  try {
    return JSON.parse(text).error.message;
  } catch { /* not in JSON */ }
  const problem = new DOMParser().parseFromString(text, 'text/html').querySelector('.problem');
  return problem ? problem.textContent : 'The server answers ' + answer.status + ' ' + answer.statusText;
}

// renew makes a live part as it is now. What has the focus keeps it, or gives it to what
// replaces it and does the same.
function renew(part, now) {
  const focused = part.contains(document.activeElement) ? document.activeElement : null;
  patch(part, now);
  if (!focused || document.activeElement === focused) return;
  const same = (e) => e.nodeName === focused.nodeName && does(e) === does(focused) && e.getAttribute('href') === focused.getAttribute('href');
  const next = focused.isConnected ? focused : [...part.querySelectorAll('button, a[href]')].find(same);
  next?.focus({preventScroll: true});
}

// patch changes what is different in an element or a text, and leaves alone what is not:
// it can be pressed, or part of a selection.
function patch(have, want) {
  if (have.nodeType !== Node.ELEMENT_NODE) {
    if (have.nodeValue !== want.nodeValue) have.nodeValue = want.nodeValue;
    return;
  }
  if (have.dataset.asked) return;
  for (const {name} of [...have.attributes]) {
    if (!want.hasAttribute(name) && name !== 'disabled') have.removeAttribute(name); // disabled is the page's
  }
  for (const {name, value} of want.attributes) {
    if (have.getAttribute(name) !== value) have.setAttribute(name, value);
  }
  if ('own' in have.dataset) return; // what it has is the page's
  const there = new Map();
  for (const child of have.childNodes) {
    const key = identity(child);
    if (there.has(key)) there.get(key).push(child);
    else there.set(key, [child]);
  }
  const list = [...want.childNodes].map((child) => {
    const same = there.get(identity(child))?.shift();
    if (same) patch(same, child);
    return same ?? child;
  });
  for (const rest of there.values()) rest.forEach((child) => child.remove());
  let at = have.firstChild;
  for (const child of list) {
    if (child === at) at = at.nextSibling;
    else have.insertBefore(child, at);
  }
}

// identity is what two nodes have in common that are the same at two times, among those
// beside them. A button that does something else is another one.
function identity(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return node.nodeName;
  return node.nodeName + ' ' + (node.id || node.dataset.key || node.dataset.topic || does(node));
}

// does is what a button does.
function does(element) {
  return [element.dataset.method, element.dataset.path, element.dataset.body].join(' ').trim();
}

// Requests.

async function request(method, path, body, then) {
  try {
    const answer = await fetch(path, {
      method,
      headers: body === undefined ? {} : {'Content-Type': 'application/json'},
      body,
    });
    if (answer.ok) {
      if (then) {
        location.assign(then);
        return;
      }
      say('Done: ' + method + ' ' + path, false);
    } else {
      say(await why(answer), true);
    }
  } catch (err) {
    say('The server does not answer: ' + err.message, true);
  }
  await refresh();
}

// harmless reports whether there is no reason to ask before a button does what it does.
function harmless(button) {
  switch (button.dataset.unless) {
    case 'more': // queues than a topic has
      return Number(button.form.elements.queues.value) >= Number(document.getElementById('queues').dataset.each);
    case 'new': { // is the topic
      const name = button.form.elements.name.value;
      return ![...document.querySelectorAll('#topics tr')].some((row) => row.dataset.topic === name || row.dataset.watermill === name);
    }
    default:
      return false;
  }
}

// sure asks for a second press within some seconds.
function sure(button) {
  if (!button.dataset.sure || button.dataset.asked || harmless(button)) return true;
  const label = button.textContent;
  button.dataset.asked = 'yes';
  button.textContent = button.dataset.sure;
  setTimeout(() => {
    delete button.dataset.asked;
    button.textContent = label;
  }, 4000);
  return false;
}

document.addEventListener('click', async (event) => {
  const button = event.target.closest('button[data-path]');
  if (!button || !sure(button)) return;
  button.disabled = true;
  await request(button.dataset.method, button.dataset.path, button.dataset.body);
  button.disabled = false;
});

function valueOf(field) {
  const text = field.value.trim();
  switch (field.dataset.type) {
    case 'number':
      return Number(text);
    case 'code':
      return /^-?\d+$/.test(text) ? Number(text) : text;
    case 'words':
      return text.split(/[\s,]+/).filter((word) => word !== '');
    default:
      return field.value;
  }
}

document.addEventListener('submit', async (event) => {
  const form = event.target;
  if (!form.dataset.path) return;
  event.preventDefault();
  if (event.submitter && !sure(event.submitter)) return;
  let path = form.dataset.path;
  const body = {};
  for (const field of form.elements) {
    if (!field.name || field.disabled || field.value.trim() === '') continue;
    const slot = '{' + field.name + '}';
    if (path.includes(slot)) path = path.replace(slot, () => encodeURIComponent(field.value));
    else body[field.name] = valueOf(field);
  }
  const text = Object.keys(body).length > 0 ? JSON.stringify(body) : undefined;
  await request(form.dataset.method, path, text, form.dataset.then);
});

// Fields that mean nothing for a kind of fault are not there.

function choose(select) {
  for (const part of select.form.querySelectorAll('[data-for]')) {
    const on = part.dataset.for.split(' ').includes(select.value);
    part.hidden = !on;
    for (const field of part.querySelectorAll('input')) field.disabled = !on;
  }
}

for (const select of document.querySelectorAll('select[data-shows]')) {
  choose(select);
  select.addEventListener('change', () => choose(select));
}

measure();
setInterval(() => {
  if (refreshBox.checked && !document.hidden && document.querySelector('[data-live]')) refresh();
}, refreshMillis);
