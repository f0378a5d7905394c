'use strict';
// Pictures of figures: drawn from the page's series, kept up to date while anyone looks.

(() => {
  const look = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const number = new Intl.NumberFormat();
  const iso = (s) => new Date(s * 1000).toISOString();

  function moment(s, step) {
    const day = { month: 'short', day: '2-digit' };
    const time = { hour: '2-digit', minute: '2-digit' };
    const form = new Intl.DateTimeFormat(undefined, step < 3600 ? time : { ...day, ...time });
    return `${form.format(new Date(s * 1000))} – ${form.format(new Date((s + step) * 1000))}`;
  }

  function ms(value) {
    if (value == null) return '–';
    const one = (of) => String(Number(of.toFixed(1)));
    if (value < 10) return `${one(value)} ms`;
    if (value < 1000) return `${Math.round(value)} ms`;
    if (value < 60e3) return `${one(value / 1000)} s`;
    if (value < 3600e3) return `${Math.round(value / 60e3)} min`;
    return `${one(value / 3600e3)} h`;
  }

  function short(value) {
    if (value >= 1e6) return `${value / 1e6} M`;
    if (value >= 1e3) return `${value / 1e3} k`;
    return String(value);
  }

  // Each band on top of those before it; the topmost is drawn first.
  function stacked(bands) {
    const sums = [];
    const under = new Array(bands[0]?.length ?? 0).fill(0);
    for (const band of bands) {
      band.forEach((value, at) => { under[at] += value; });
      sums.push([...under]);
    }
    return sums.reverse();
  }

  const axis = (more) => ({
    stroke: look('--muted'), font: `12px ${look('--sans')}`,
    grid: { stroke: look('--line'), width: 1 }, ticks: { show: false }, gap: 6, ...more,
  });

  function bars(colour) {
    const paths = uPlot.paths.bars({ size: [0.78, 42], align: 1, radius: 0.12 });
    return { fill: look(colour), stroke: look(colour), width: 0, paths, points: { show: false } };
  }

  function line(colour, dash) {
    // A line needs two points; fewer are seen as such.
    const few = (plot, at) => plot.data[at].filter((value) => value != null).length < 6;
    return { stroke: look(colour), width: 1.8, dash, spanGaps: true, points: { show: few, size: 5, fill: look(colour) } };
  }

  // Of a picture: its series' looks, its data, what is said of a point, and where a click leads.
  const pictures = {
    counts: {
      data: (of) => [of.at, ...stacked([of.failed, of.delivered])],
      looks: () => [bars('--chart-ok'), bars('--chart-bad')],
      told: (of, at) => `${number.format(of.delivered[at])} delivered, ${number.format(of.failed[at])} dead letters`,
      leads: () => '',
      value: short,
    },
    reasons: {
      data: (of) => [of.at, ...stacked(of.reasons.map((band) => band.counts))],
      looks: (of) => of.reasons.map((band) => bars(`--hue-${band.hue}`)).reverse(),
      told: (of, at) => of.reasons.filter((band) => band.counts[at] > 0)
        .map((band) => `${band.name}: ${number.format(band.counts[at])}`).join(', ') || 'none failed',
      leads: (of, at, share) => error(of, at, share),
      value: short,
    },
    picked: {
      data: (of) => [of.at, ...stacked([of.failed, of.delivered])],
      looks: () => [bars('--chart-ok'), bars('--chart-bad')],
      told: (of, at) => `${number.format(of.delivered[at])} delivered, ${number.format(of.failed[at])} dead letters`,
      value: short,
      picks: true,
    },
    latency: {
      data: (of) => [of.at, of.latency.p50, of.latency.p95, of.latency.p99, of.retried.p95],
      looks: () => [line('--chart-ok'), line('--chart-accent'), line('--chart-warn'), line('--hue-0', [5, 4])],
      told: (of, at) => `p50 ${ms(of.latency.p50[at])}, p95 ${ms(of.latency.p95[at])}, p99 ${ms(of.latency.p99[at])}; p95 retried ${ms(of.retried.p95[at])}`,
      value: ms,
      logarithmic: true,
    },
  };

  // Of which band of a stack the pointer is in.
  function error(of, at, value) {
    let under = 0;
    for (const band of of.reasons) {
      under += band.counts[at];
      if (value <= under) return band.error ? `&error=${encodeURIComponent(band.error)}` : '';
    }
    return '';
  }

  class Chart {
    constructor(root, box) {
      this.root = root;
      this.box = box;
      this.name = box.dataset.chart;
      this.picture = pictures[this.name];
      this.readout = document.querySelector(`[data-readout="${this.name}"]`);
      this.usual = this.readout.textContent;
    }

    show(series) {
      const same = this.plot && this.bands === this.key(series);
      this.series = series;
      const data = this.picture.data(series);
      if (same) return this.plot.setData(data);
      this.bands = this.key(series);
      this.plot?.destroy();
      this.plot = new uPlot(this.options(data.length), data, this.box);
    }

    key(series) {
      return this.name === 'reasons' ? series.reasons.map((band) => band.hue).join() : this.name;
    }

    options() {
      const { picture } = this;
      const looks = picture.looks(this.series);
      const values = (_, ticks) => ticks.map((tick) => picture.value(tick));
      const splits = picture.logarithmic ? (_, __, least, most) => this.powers(least, most) : undefined;
      const narrow = this.box.clientWidth < 480;
      const upper = (_, __, most) => [0, Math.max(most * 1.08, 4)];
      const y = picture.logarithmic ? { distr: 3, range: (_, least, most) => this.decades(least, most) } : { range: upper };
      return {
        width: this.box.clientWidth, height: this.box.clientHeight,
        legend: { show: false }, padding: [10, 34, 0, 0],
        cursor: { y: false, points: { show: Boolean(picture.logarithmic), size: 7 }, drag: { x: Boolean(picture.picks), y: false, setScale: false } },
        scales: { x: { range: (_, from, to) => [from, to + this.series.step_s] }, y },
        axes: [
          axis({ grid: { show: false }, size: 28, gap: 9, space: narrow ? 84 : 66, values: (_, ticks) => this.times(ticks) }),
          axis({ size: 58, values, splits, filter: (_, ticks) => ticks, space: 34 }),
        ],
        series: [{}, ...looks],
        hooks: {
          setCursor: [(plot) => this.point(plot)],
          setSelect: [(plot) => this.pick(plot)],
          ready: [(plot) => this.listen(plot)],
        },
      };
    }

    decades(least, most) {
      if (!(most > 0)) return [1, 1000];
      const from = 10 ** Math.floor(Math.log10(Math.max(least, 0.05)));
      return [from, Math.max(10 ** Math.ceil(Math.log10(most)), from * 100)];
    }

    powers(least, most) {
      const powers = [];
      for (let power = least; power <= most * 1.01; power *= 10) powers.push(power);
      return powers;
    }

    times(ticks) {
      const step = this.series.step_s;
      const form = new Intl.DateTimeFormat(undefined, step < 3600 ? { hour: '2-digit', minute: '2-digit' }
        : { month: 'short', day: '2-digit', ...(step < 43200 && ticks.length > 8 ? { hour: '2-digit' } : {}) });
      return ticks.map((tick) => form.format(new Date(tick * 1000)));
    }

    // The step under the pointer: bars begin with their time.
    under(plot) {
      const { left } = plot.cursor;
      if (left == null || left < 0) return null;
      const time = plot.posToVal(left, 'x');
      const at = this.series.at.findLastIndex((begins) => begins <= time);
      return at < 0 ? null : at;
    }

    point(plot) {
      const at = this.under(plot);
      if (at == null) { this.readout.textContent = this.usual; return; }
      const when = moment(this.series.at[at], this.series.step_s);
      this.readout.textContent = `${when}: ${this.picture.told(this.series, at)}`;
    }

    listen(plot) {
      if (this.picture.picks) {
        this.picked(plot);
        for (const name of ['since', 'until']) this.field(name).addEventListener('change', () => this.picked(plot));
      }
      if (!this.picture.leads) return;
      plot.over.addEventListener('click', () => {
        const at = this.under(plot);
        if (at == null) return;
        const value = plot.posToVal(plot.cursor.top, 'y');
        const from = this.series.at[at];
        const to = iso(from + this.series.step_s);
        const more = this.picture.leads(this.series, at, value);
        // What came to something by then was made before then.
        location.href = `${this.root.dataset.deliveries}?until=${to}&outcome_since=${iso(from)}&outcome_until=${to}${more}`;
      });
    }

    // What was dragged over, in whole steps, into the fields of the form; and back.
    pick(plot) {
      const { left, width } = plot.select;
      if (!this.picture.picks || this.showing || !(width > 0)) return;
      const step = this.series.step_s;
      const [first] = this.series.at;
      const whole = (s, round) => first + round((s - first) / step) * step;
      this.field('since').value = iso(Math.max(whole(plot.posToVal(left, 'x'), Math.floor), first));
      this.field('until').value = iso(whole(plot.posToVal(left + width, 'x'), Math.ceil));
    }

    field(name) {
      return this.root.closest('form').elements[name];
    }

    picked(plot) {
      const [from, to] = ['since', 'until'].map((name) => Date.parse(this.field(name).value) / 1000);
      if (!(from < to)) return;
      const edge = (s) => Math.min(Math.max(plot.valToPos(s, 'x'), 0), plot.over.clientWidth);
      this.showing = true;
      plot.setSelect({ left: edge(from), width: edge(to) - edge(from), top: 0, height: plot.over.clientHeight }, false);
      this.showing = false;
    }

    redraw() {
      if (!this.plot) return;
      this.plot.destroy();
      this.plot = undefined;
      this.show(this.series);
    }

    fit() {
      this.plot?.setSize({ width: this.box.clientWidth, height: this.box.clientHeight });
    }
  }

  async function fetched(url) {
    const answer = await fetch(url, { headers: { accept: 'application/json' } });
    if (!answer.ok || answer.redirected) throw new Error(`no series: ${answer.status}`);
    return answer.json();
  }

  function draw(root) {
    const charts = [...root.querySelectorAll('[data-chart]')].map((box) => new Chart(root, box));
    const renew = async () => {
      const series = await fetched(root.dataset.series);
      charts.forEach((chart) => chart.show(series));
    };
    const failed = () => { root.dataset.stale = ''; };
    renew().catch(failed);
    document.addEventListener('posthaste:tick', () => renew().catch(failed));
    new ResizeObserver(() => charts.forEach((chart) => chart.fit())).observe(root);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => charts.forEach((chart) => chart.redraw()));
  }

  // Figures that no answer renews say since when; the next answer takes it back.
  function told(element) {
    const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
    const said = document.createElement('p');
    said.className = 'note is-warn';
    said.setAttribute('role', 'status');
    let answered = new Date();
    element.addEventListener('htmx:afterRequest', (event) => {
      if (event.detail.successful) {
        answered = new Date();
        said.remove();
      } else if (!said.isConnected) {
        element.before(said);
        said.textContent = `No answer since ${time.format(answered)}; trying again.`;
      }
    });
  }

  // Asks again while the page is seen; at once when it is seen again.
  function tick(element) {
    let last = Date.now();
    const period = Number(element.dataset.ticks) * 1000;
    const due = () => {
      if (document.hidden || Date.now() - last < period) return;
      last = Date.now();
      htmx.trigger(element, 'tick');
      document.dispatchEvent(new Event('posthaste:tick'));
    };
    setInterval(due, Math.min(period, 1000));
    document.addEventListener('visibilitychange', due);
  }

  document.addEventListener('DOMContentLoaded', () => {
    document.querySelectorAll('[data-series]').forEach(draw);
    for (const element of document.querySelectorAll('[data-ticks]')) {
      told(element);
      tick(element);
    }
    for (const text of document.querySelectorAll('[data-origin]')) {
      text.textContent = text.textContent.replaceAll(text.dataset.origin, location.origin);
    }
  });
})();
