'use strict';
// Forms that show what is chosen, rows that are added, and overlaps that run out.

(() => {
  function follow(form) {
    for (const part of form.querySelectorAll('[data-chosen]')) {
      part.hidden = !part.dataset.chosen.split(' ').some((pair) => {
        const [field, value] = pair.split(':');
        return form.querySelector(`[data-chooses="${field}"]`)?.value === value;
      });
    }
  }

  function add(button) {
    const rows = button.closest('fieldset').querySelector('[data-rows]');
    const fresh = rows.lastElementChild.cloneNode(true);
    const inputs = fresh.matches('input') ? [fresh] : fresh.querySelectorAll('input, select');
    for (const input of inputs) input.value = '';
    rows.append(fresh);
    inputs[0].focus();
  }

  const units = [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]];

  function countDown() {
    for (const span of document.querySelectorAll('[data-until]')) {
      let left = Math.max(0, Math.round((Date.parse(span.dataset.until) - Date.now()) / 1000));
      const parts = [];
      for (const [unit, seconds] of units) {
        const n = Math.floor(left / seconds);
        if (n > 0 || parts.length > 0) parts.push(`${n} ${unit}`);
        left -= n * seconds;
      }
      span.textContent = parts.slice(0, 3).join(' ') || 'no time';
    }
  }

  document.addEventListener('DOMContentLoaded', () => {
    for (const form of document.querySelectorAll('form.settings')) {
      follow(form);
      form.addEventListener('change', () => follow(form));
    }
    for (const button of document.querySelectorAll('[data-add]')) {
      button.hidden = false;
      button.addEventListener('click', () => add(button));
    }
    if (document.querySelector('[data-until]')) {
      countDown();
      setInterval(countDown, 1000);
    }
    document.querySelector('[role=alert]')?.focus();
  });
})();
