// The details of a case, drawn when it is opened.

const read = (id) => JSON.parse(document.getElementById(id).textContent);
const texts = read('texts');

/** Makes an element: its class, and children or texts. */
function make(tag, name, ...children) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** Fields in few words. */
function values(fields) {
  return Object.entries(fields ?? {}).filter(([, value]) => value !== null)
    .map(([name, value]) => `${name} ${typeof value === 'string' && value ? value : JSON.stringify(value)}`).join(', ');
}

/** A text of SPEC.md, with what stands in backticks as code. */
function coded(text) {
  return text.split(/`([^`]+)`/).map((part, i) => (i % 2 ? make('code', '', part) : part));
}

/** The id of a statement, which leads to its row. */
function link(id, role) {
  const made = make('a', 'id', id);
  if (document.getElementById(`${role}-${id}`)) made.href = `#${role}-${id}`;
  return made;
}

function draw(details) {
  const body = details.querySelector('.body');
  if (body.childElementCount) return;
  const data = read(details.dataset.details);
  if (data.reason) body.append(make('p', 'why', data.why), make('p', 'soft', data.reason)); // else the summary says why
  body.append(...checks(data));
  if (data.trace.length || data.steps.length) {
    body.append(make('h3', '', 'What happened'), ladder(data));
  }
  if (data.standard_error.length) {
    body.append(make('h3', '', 'The last of the driver’s standard error'), make('pre', '', data.standard_error.join('\n')));
  }
}

function checks(data) {
  const broken = data.checks.filter((check) => !check.passed);
  const ids = [...new Set([...broken.map((check) => check.requirement), ...data.requirements, ...data.checks.map((check) => check.requirement)])];
  return ids.flatMap((id) => {
    const made = data.checks.filter((check) => check.requirement === id);
    const kept = made.filter((check) => check.passed);
    const parts = [make('blockquote', '', link(id, data.role), ' ', ...coded(texts[id] ?? ''))];
    for (const check of made.filter((one) => !one.passed)) {
      parts.push(make('dl', `check broken ${check.level.toLowerCase()}`,
        make('dt', '', 'expected'), make('dd', 'expected', check.expected),
        make('dt', '', 'actual'), make('dd', 'actual', check.actual)));
    }
    if (kept.length) {
      parts.push(make('div', 'kept', make('span', 'pass', '✓ '), kept.map((check) => check.expected).join('; ')));
    }
    if (!made.length) parts.push(make('div', 'kept', 'not checked'));
    return parts;
  });
}

/** The trace as a ladder between two lanes, with what the kit did and where a check failed. */
function ladder(data) {
  const made = make('div', 'ladder', make('div', 'lanes', make('span', '', ''), make('span', '', 'kit'), make('span'), make('span', '', 'implementation')));
  const steps = [...data.steps];
  const broken = data.checks.filter((check) => !check.passed).sort((a, b) => a.at - b.at);
  const before = (index) => {
    while (steps.length && steps[0].at <= index) made.append(note('step', steps.shift().text));
  };
  const flags = (index) => {
    while (broken.length && broken[0].at < index) {
      const check = broken.shift();
      made.append(note(`flag ${check.level.toLowerCase()}`, `✗ ${check.requirement}: expected ${check.expected}; ${check.actual}`));
    }
  };
  const rows = grouped(data.trace);
  let previous = null;
  for (const group of rows) {
    const first = group[0].index;
    flags(first);
    if (previous !== null && first > previous + 1) made.append(note('step', `${data.trace_left_out === 1 ? '1 entry is' : `${data.trace_left_out} entries are`} left out here`));
    before(first);
    made.append(...(group.length > 3 ? bundle(group) : group.flatMap(rung)));
    previous = group.at(-1).index;
  }
  flags(Infinity);
  before(Infinity);
  return made;
}

/** Messages of one kind in a row, from one side, stand together; a failed check or a step ends nothing within them. */
function grouped(trace) {
  const groups = [];
  for (const entry of trace) {
    const last = groups.at(-1)?.at(-1);
    const alike = last && entry.kind === last.kind && entry.name === last.name && entry.by === last.by
      && entry.index === last.index + 1 && ['audio', 'progress'].includes(entry.name);
    if (alike) groups.at(-1).push(entry); else groups.push([entry]);
  }
  return groups;
}

function bundle(group) {
  const row = line(group[0], `${group[0].kind === 'event' ? 'tells ' : ''}${group.length} × ${group[0].name}`, values(group[0].fields) + ' … ' + values(group.at(-1).fields));
  const inner = make('div', 'hidden');
  row.setAttribute('aria-expanded', 'false');
  row.addEventListener('click', () => {
    if (!inner.childElementCount) inner.append(...group.flatMap(rung));
    row.setAttribute('aria-expanded', String(!inner.classList.toggle('hidden')));
  });
  return [row, inner];
}

/** One entry, and what is shown of it on a click. */
function rung(entry) {
  const row = line(entry, entry.kind === 'event' ? `tells ${entry.name}` : entry.kind === 'transport' ? `transport ${entry.name}` : entry.name, values(entry.fields));
  const inner = make('div', 'bytes hidden');
  row.setAttribute('aria-expanded', 'false');
  row.addEventListener('click', () => {
    if (!inner.childElementCount) inner.append(...bytes(entry));
    row.setAttribute('aria-expanded', String(!inner.classList.toggle('hidden')));
  });
  return [row, inner];
}

function line(entry, name, told) {
  const row = make('button', `rung ${entry.by} ${entry.kind} ${entry.channel ?? ''} ${entry.name === 'malformed' ? 'malformed' : ''}`);
  const what = [make('b', '', name), ' ', make('span', 'values', entry.fault ?? told)];
  const kit = entry.by === 'kit';
  row.append(make('span', 't', `${(1000 * entry.at).toFixed(1)} ms`), make('span', 'left', ...(kit ? what : [])),
    make('span', 'arrow'), make('span', 'right', ...(kit ? [] : what)));
  return row;
}

function note(kind, text) {
  const flag = kind.startsWith('flag');
  const parts = flag ? [make('span', 't'), make('span', 'right', text)] : [make('span', 't'), make('span', 'left', text), make('span', 'arrow'), make('span', 'right')];
  const made = make('div', `rung ${kind}`, ...parts);
  made.title = text;
  return made;
}

function bytes(entry) {
  const shown = [];
  if (entry.hex !== undefined) {
    const rest = entry.bytes - entry.hex.length / 2;
    shown.push(make('pre', 'hex', entry.hex.replace(/../g, '$& ').trim() + (rest > 0 ? ` … and ${rest} bytes more` : '')));
  }
  if (entry.text !== undefined) shown.push(make('pre', '', `text: ${entry.text}`));
  const facts = Object.entries(entry).filter(([name]) => !['hex', 'text', 'fields', 'by', 'kind', 'at'].includes(name));
  const fields = entry.fields ? `\n${JSON.stringify(entry.fields, null, 1)}` : '';
  shown.push(make('pre', '', facts.map(([name, value]) => `${name} ${value}`).join(', ') + fields));
  return shown;
}

for (const details of document.querySelectorAll('details.case')) {
  details.addEventListener('toggle', () => details.open && draw(details));
}

/** Opens the case that the address names. */
function follow() {
  const found = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!found?.classList.contains('case')) return;
  found.classList.remove('hidden');
  found.open = true;
  found.querySelector('summary').focus({ preventScroll: true });
  found.scrollIntoView();
}
addEventListener('hashchange', follow);
follow();

addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  if (event.key === '/') {
    event.preventDefault();
    document.querySelector('.tools input').focus();
  } else if (event.key === 'n' || event.key === 'p') {
    const shown = [...document.querySelectorAll('details.case:not(.hidden)')];
    const at = shown.findIndex((details) => details.contains(document.activeElement));
    const next = shown[event.key === 'n' ? at + 1 : at < 0 ? shown.length - 1 : at - 1];
    next?.querySelector('summary').focus();
  }
});
