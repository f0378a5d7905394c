'use strict';
// An inbox, as it fills: requests come rendered from the server, over one connection.

(() => {
  const KEPT_MAX = 100;

  document.addEventListener('DOMContentLoaded', () => {
    const list = document.querySelector('[data-arrivals][data-live]');
    if (list && window.EventSource) follow(list);
  });

  function follow(list) {
    const said = document.querySelector('[data-live-state]');
    let came = 0;

    function show(html) {
      const holder = document.createElement('template');
      holder.innerHTML = html;
      const arrival = holder.content.querySelector('details');
      if (!arrival || list.querySelector(`[data-number="${CSS.escape(arrival.dataset.number)}"]`)) return;
      document.querySelector('[data-arrivals-empty]')?.setAttribute('hidden', '');
      arrival.classList.add('is-new');
      open(arrival);
      list.prepend(arrival);
      while (list.children.length > KEPT_MAX) list.lastElementChild.remove();
      window.posthaste.localise(arrival);
      came += 1;
      say();
    }

    // The newest stands open, unless someone has opened another to read it.
    function open(arrival) {
      const opened = [...list.querySelectorAll(':scope > details[open]')];
      if (!opened.every((one) => 'auto' in one.dataset)) return;
      for (const one of opened) one.open = false;
      arrival.open = true;
      arrival.dataset.auto = '';
    }

    list.addEventListener('click', (event) => {
      const arrival = event.target.closest('.arrival');
      if (arrival) delete arrival.dataset.auto;
    });

    // Said to a screen reader now and then, not with every request.
    let waits = null;
    function say() {
      waits ??= setTimeout(() => {
        waits = null;
        if (source.readyState === EventSource.OPEN) said.textContent = told();
      }, 500);
    }

    function told() {
      if (!came) return 'Live';
      return came === 1 ? '1 new request' : `${came} new requests`;
    }

    const source = new EventSource(list.dataset.live);
    source.addEventListener('open', () => { said.textContent = told(); });
    source.addEventListener('request', (event) => show(event.data));
    source.addEventListener('error', () => window.posthaste.gone(source, said));
    addEventListener('pagehide', () => source.close());
  }
})();
