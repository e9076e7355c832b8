'use strict';
// Light and dark; lists that are narrowed by words, role and verdict.

document.getElementById('theme').addEventListener('click', () => {
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const root = document.documentElement.style;
  root.colorScheme = (root.colorScheme || (dark ? 'dark' : 'light')) === 'dark' ? 'light' : 'dark';
});

for (const tools of document.querySelectorAll('.tools')) {
  const list = document.getElementById(tools.dataset.list);
  const items = [...list.querySelectorAll('.item')];
  const [search, role] = [tools.querySelector('input'), tools.querySelector('select')];
  const chips = [...tools.querySelectorAll('.chip')];

  const narrow = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const verdicts = new Set(chips.filter((chip) => chip.getAttribute('aria-pressed') === 'true').map((chip) => chip.dataset.verdict));
    let shown = 0;
    for (const item of items) {
      const text = item.dataset.words.toLowerCase();
      const kept = words.every((word) => text.includes(word)) && (!role?.value || item.dataset.role === role.value)
        && (!verdicts.size || item.dataset.verdict.split('|').some((verdict) => verdicts.has(verdict)));
      item.classList.toggle('hidden', !kept);
      shown += kept;
    }
    tools.querySelector('.shown').textContent = shown === items.length ? '' : `${shown} of ${items.length}`;
  };
  search.addEventListener('input', narrow);
  role?.addEventListener('change', narrow);
  for (const chip of chips) {
    chip.addEventListener('click', () => {
      chip.setAttribute('aria-pressed', String(chip.getAttribute('aria-pressed') !== 'true'));
      narrow();
    });
  }
}

// A statement that does not fit into its two lines opens on a click, or on Enter.
for (const clamp of document.querySelectorAll('.clamp')) {
  const open = () => clamp.classList.toggle('open');
  clamp.addEventListener('click', () => { if (clamp.classList.contains('long') && !String(getSelection())) open(); });
  clamp.addEventListener('keydown', (event) => { if (event.key === 'Enter') open(); });
}
const measure = () => {
  for (const clamp of document.querySelectorAll('.clamp:not(.open)')) {
    const long = clamp.scrollHeight > clamp.clientHeight + 1;
    clamp.classList.toggle('long', long);
    clamp.toggleAttribute('tabindex', long);
    if (long) clamp.tabIndex = 0;
  }
};
measure();
addEventListener('resize', measure);
