'use strict';
// The list of deliveries, as it happens: rows come rendered from the server, over one connection.

(() => {
  const ROWS_MAX = 200;

  document.addEventListener('DOMContentLoaded', () => {
    pickAll();
    const button = document.querySelector('[data-tail]');
    if (button && window.EventSource) follow(button);
  });

  function pickAll() {
    const all = document.querySelector('[data-pick-all]');
    if (!all) return;
    all.hidden = false;
    all.addEventListener('change', (event) => {
      for (const box of document.querySelectorAll('.pick input[type=checkbox]')) box.checked = event.target.checked;
    });
  }

  function follow(button) {
    const said = document.querySelector('[data-tail-state]');
    const table = document.querySelector('[data-tail-table]');
    const body = table.querySelector('tbody');
    let source = null;
    let came = 0;
    let missed = 0;

    function say(state, text) {
      said.hidden = false;
      said.className = `muted tail-state ${state}`;
      said.textContent = text;
    }

    function told() {
      const outcomes = `${came} ${came === 1 ? 'outcome' : 'outcomes'} since you began to look`;
      return missed ? `${outcomes}; ${missed} more came too fast and are in the list` : outcomes;
    }

    // Said to a screen reader now and then, not with every row.
    let waits = null;
    function sayLater() {
      waits ??= setTimeout(() => {
        waits = null;
        if (source?.readyState === EventSource.OPEN) say('is-live', told());
      }, 1000);
    }

    function show(html) {
      const holder = document.createElement('template');
      holder.innerHTML = `<table><tbody>${html}</tbody></table>`;
      const row = holder.content.querySelector('tr');
      if (!row) return;
      document.querySelector('[data-tail-empty]')?.setAttribute('hidden', '');
      table.hidden = false;
      const known = [...body.children].find((old) => old.dataset.id === row.dataset.id);
      const picked = known?.querySelector('input:checked');
      const box = row.querySelector('input[type=checkbox]');
      if (picked && box) box.checked = true;
      if (known) {
        if (known.classList.contains('is-current')) row.classList.add('is-current');
        known.replaceWith(row);
      } else {
        body.prepend(row);
      }
      while (body.children.length > ROWS_MAX) body.lastElementChild.remove();
      window.posthaste.localise(row);
      came += 1;
      sayLater();
    }

    function start() {
      source = new EventSource(button.dataset.tail);
      source.addEventListener('open', () => say('is-live', came ? told() : 'Waiting for the next outcome'));
      source.addEventListener('row', (event) => show(event.data));
      source.addEventListener('gap', (event) => { missed += Number(event.data); sayLater(); });
      source.addEventListener('error', lost);
      button.setAttribute('aria-pressed', 'true');
      button.textContent = 'Pause';
    }

    function lost() {
      const was = source;
      if (was.readyState === EventSource.CLOSED) stop();
      say('is-gone', '');
      window.posthaste.gone(was, said);
    }

    function stop() {
      source.close();
      source = null;
      button.setAttribute('aria-pressed', 'false');
      button.textContent = 'Follow live';
      say('', `Paused. ${told()}`);
    }

    button.hidden = false;
    button.addEventListener('click', () => (source ? stop() : start()));
    addEventListener('pagehide', () => source?.close());
  }
})();
