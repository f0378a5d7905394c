'use strict';
// What every page has: times in the reader's zone, the keyboard, copying, and safe requests.

(() => {
  const day = { month: 'short', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' };
  const thisYear = new Intl.DateTimeFormat(undefined, day);
  const anyYear = new Intl.DateTimeFormat(undefined, { year: 'numeric', ...day });
  const now = new Date();

  function localise(root) {
    for (const time of root.querySelectorAll('time[datetime]:not([data-local])')) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      time.textContent = (at.getFullYear() === now.getFullYear() ? thisYear : anyYear).format(at);
      time.title = time.dateTime;
      time.dataset.local = '';
    }
  }

  const rows = () => [...document.querySelectorAll('[data-row]')];
  const current = () => document.querySelector('[data-row].is-current');

  function step(by) {
    const all = rows();
    if (all.length === 0) return;
    const at = all.indexOf(current());
    const next = all[Math.min(Math.max(at + by, 0), all.length - 1)] ?? all[0];
    current()?.classList.remove('is-current');
    next.classList.add('is-current');
    next.scrollIntoView({ block: 'nearest' });
    next.querySelector('a[href]')?.focus({ preventScroll: true });
  }

  function search() {
    const found = ['[data-search]', '[role=search] input', '[role=search] select'].map((of) => document.querySelector(of));
    found.find((field) => field)?.focus();
  }

  // What is selected; where nothing is, the current row.
  function redeliver() {
    const row = current();
    const ofPage = [...document.querySelectorAll('main [data-redeliver]')].find((button) => !button.closest('[data-row]'));
    const button = row?.querySelector('[data-redeliver]') ?? ofPage;
    if (button?.dataset.redeliver === 'selected' && !document.querySelector('.pick input:checked')) {
      const own = row?.querySelector('.pick input');
      if (!own) return;
      own.checked = true;
    }
    button?.click();
  }

  const keys = {
    '/': search,
    j: () => step(1),
    k: () => step(-1),
    x: () => current()?.querySelector('input[type=checkbox]')?.click(),
    r: redeliver,
    '?': () => document.getElementById('help')?.showModal(),
  };

  addEventListener('keydown', (event) => {
    const writes = event.target.closest?.('input, textarea, select, dialog');
    if (event.ctrlKey || event.metaKey || event.altKey || (writes && writes.type !== 'checkbox')) return;
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  async function copy(button) {
    const from = document.getElementById(button.dataset.copy);
    const before = button.textContent;
    await navigator.clipboard.writeText(from.value ?? from.textContent);
    button.textContent = 'Copied';
    setTimeout(() => { button.textContent = before; }, 1500);
  }

  addEventListener('click', (event) => {
    if (event.target.closest('[data-help]')) keys['?']();
    const button = event.target.closest('[data-copy]');
    if (button) copy(button).catch(() => { button.textContent = 'Copy it by hand'; });
  });

  addEventListener('change', (event) => {
    if (event.target.matches('select[data-submits]')) event.target.form.requestSubmit();
  });

  // A stream that the server refuses is given up by the browser; any other comes back by itself.
  function gone(source, said) {
    if (source.readyState !== EventSource.CLOSED) {
      said.textContent = 'The connection is gone; trying again';
      return;
    }
    const anew = document.createElement('button');
    anew.type = 'button';
    anew.className = 'link';
    anew.textContent = 'Load the page anew';
    anew.addEventListener('click', () => location.reload());
    said.replaceChildren('No longer live: the server refuses it. You may be signed out, or too many pages are live. ', anew);
  }

  // Forms on their way: a second click sends none again. What a script sends is its own affair.
  const sent = new Set();
  addEventListener('submit', (event) => {
    if (event.defaultPrevented || event.target.getAttribute('method') !== 'post') return;
    if (sent.has(event.target)) event.preventDefault();
    sent.add(event.target);
  });
  addEventListener('pageshow', () => sent.clear());

  document.addEventListener('htmx:configRequest', (event) => {
    event.detail.headers['x-csrf'] = document.body.dataset.csrf;
  });
  document.addEventListener('htmx:load', (event) => localise(event.detail.elt));

  document.addEventListener('DOMContentLoaded', () => {
    localise(document);
    const menu = document.querySelector('.menu');
    if (menu && matchMedia('(max-width: 820px)').matches) menu.open = false;
  });

  window.posthaste = { gone, localise };
})();
