/**
 * One chart: bars or lines over time, with a cursor for the pointer and for the keyboard.
 *
 * In the flow: receives columns from `parts/panel.js`, draws them with uPlot, and hands the bucket that is pointed at
 * to `view/timeaxis.js`, and a stretch that was brushed to the page (`zoom` event).
 * Guarantee: new data moves the drawing in place, in one frame; the plot is made anew only when its form changes.
 * The keyboard's cursor is a slider, because that is the one role whose arrow keys a screen reader passes on.
 */

import uPlot from '../vendor/uplot/uplot.js';
import { html } from '../vendor/lit/lit-element.js';
import { timeAxis } from '../services.js';
import { nextOf } from '../time/calendar.js';
import { bucketText } from '../time/words.js';
import { valueText } from '../view/numbers.js';
import { NO_COLUMNS, search } from '../view/series.js';
import { themeChanges } from '../view/theme.js';
import { Part } from './part.js';
import { plotData, plotOptions } from './plot-options.js';

/** @typedef {import('../view/series.js').Columns} Columns */

const JUMP = 10;
/** A brush narrower than this was a click. */
const BRUSH_PX_MIN = 6;

export class Chart extends Part {
  static properties = {
    data: { attribute: false },
    kind: {},
    label: {},
  };

  constructor() {
    super();
    /** @type {Columns} */
    this.data = NO_COLUMNS;
    /** @type {'line' | 'bar'} */
    this.kind = 'line';
    this.label = '';
  }

  /** @type {uPlot | null} */
  #plot = null;
  #form = '';
  #pointed = false;
  #size = { width: 0, height: 0 };
  /** @type {ResizeObserver | null} */
  #sizes = null;
  #onCursor = () => {
    this.#follow();
    // Only who is at this chart's own cursor hears what it says.
    if (this.contains(document.activeElement)) this.requestUpdate();
  };
  #onTheme = () => this.#plot?.redraw(false, true);

  connectedCallback() {
    super.connectedCallback();
    this.setAttribute('role', 'figure');
    timeAxis.addEventListener('cursor', this.#onCursor);
    themeChanges.addEventListener('change', this.#onTheme);
    this.#sizes = new ResizeObserver(([entry]) => {
      this.#size = { width: Math.floor(entry?.contentRect.width ?? 0), height: Math.floor(entry?.contentRect.height ?? 0) };
      this.#draw();
    });
    this.#sizes.observe(this);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    timeAxis.removeEventListener('cursor', this.#onCursor);
    themeChanges.removeEventListener('change', this.#onTheme);
    this.#sizes?.disconnect();
    this.#plot?.destroy();
    this.#plot = null;
    this.#form = '';
  }

  render() {
    const at = this.#at();
    return html`<div
      class="plot"
      role="slider"
      tabindex="0"
      aria-label="Cursor over ${this.label}"
      aria-orientation="horizontal"
      aria-valuemin="0"
      aria-valuemax=${Math.max(0, this.data.times.length - 1)}
      aria-valuenow=${Math.max(0, at)}
      aria-valuetext=${this.#spoken(at)}
      @keydown=${this.#onKey}
      @blur=${() => timeAxis.point(null)}
    ></div>`;
  }

  updated() {
    this.setAttribute('aria-label', this.label);
    this.#draw();
  }

  #draw() {
    const { width, height } = this.#size;
    if (!width || !height || !this.isConnected) return;
    const { times, columns } = this.data;
    const style = { kind: this.kind, interval: this.data.interval, tz: this.data.tz };
    const data = plotData(times, columns, style);
    const size = { width, height, count: times.length };
    const form = JSON.stringify([style, width, height, columns.map(({ name, colour, metric }) => [name, colour, metric.name]), Math.round(Math.log2(times.length + 1) * 4)]);
    if (this.#plot && form === this.#form) this.#plot.setData(data);
    else this.#build(plotOptions(columns, style, size), data, form);
    this.#follow();
  }

  /** @param {import('uplot').Options} options @param {import('uplot').AlignedData} data @param {string} form */
  #build(options, data, form) {
    this.#plot?.destroy();
    options.hooks = {
      setCursor: [(plot) => this.#pointed && this.#publish(plot.cursor.idx ?? null)],
      setSelect: [(plot) => this.#zoom(plot)],
    };
    this.#plot = new uPlot(options, data, /** @type {HTMLElement} */ (this.firstElementChild));
    this.#form = form;
    this.#plot.over.addEventListener('pointerenter', () => (this.#pointed = true));
    this.#plot.over.addEventListener('pointerleave', () => {
      this.#pointed = false;
      timeAxis.point(null);
    });
  }

  /** @param {number | null} at */
  #publish(at) {
    timeAxis.point(at === null ? null : (this.data.times[at] ?? null));
  }

  /** Show the bucket that is pointed at on any chart. */
  #follow() {
    const plot = this.#plot;
    if (!plot || this.#pointed) return;
    const at = this.#cursorAt();
    const left = at < 0 ? -10 : plot.valToPos(/** @type {number} */ (this.data.times[at]) / 1000, 'x');
    plot.setCursor({ left, top: at < 0 ? -10 : 0 }, false);
  }

  /** The place of the bucket that is pointed at, -1 for none. */
  #cursorAt() {
    const { times } = this.data;
    if (timeAxis.cursor === null || !times.length || timeAxis.cursor < /** @type {number} */ (times[0])) return -1;
    return search(times, timeAxis.cursor);
  }

  #at() {
    const at = this.#cursorAt();
    return at < 0 ? this.data.times.length - 1 : at;
  }

  /** @param {number} at */
  #spoken(at) {
    const ms = this.data.times[at];
    if (ms === undefined) return 'No data';
    const said = this.data.columns.map(({ name, values, metric }) => `${name} ${valueText(values[at], metric)} ${metric.unit ?? ''}`.trim());
    return `${bucketText(ms, this.data.interval, this.data.tz)}: ${said.join(', ')}`;
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const last = this.data.times.length - 1;
    const step = event.shiftKey ? JUMP : 1;
    const at = this.#at();
    /** @type {Record<string, number>} */
    const goal = {
      ArrowLeft: at - step,
      ArrowDown: at - step,
      ArrowRight: at + step,
      ArrowUp: at + step,
      PageDown: at - JUMP,
      PageUp: at + JUMP,
      Home: 0,
      End: last,
    };
    if (event.key === 'Escape') timeAxis.point(null);
    else if (event.key in goal) this.#publish(Math.max(0, Math.min(last, goal[event.key] ?? 0)));
    else return;
    event.preventDefault();
  }

  /** @param {uPlot} plot */
  #zoom(plot) {
    const { left, width } = plot.select;
    if (width < BRUSH_PX_MIN) return;
    const { times } = this.data;
    const from = times[plot.posToIdx(left)];
    const to = times[plot.posToIdx(left + width)];
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    if (from === undefined || to === undefined) return;
    const detail = { fromMs: from, toMs: nextOf(to, this.data.interval, this.data.tz) };
    this.dispatchEvent(new CustomEvent('zoom', { detail, bubbles: true }));
  }
}

customElements.define('lt-chart', Chart);
