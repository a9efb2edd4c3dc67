/**
 * One number, large: a metric over the whole range, and how it differs from the period before.
 *
 * In the flow: receives a metric and the reader's choices from the dashboard, asks its question, shows the answer.
 * Guarantee: every digit is shown; when the number changes it lights up once and does not move its neighbours.
 */

import { html } from '../vendor/lit/lit-element.js';
import { LiveQuery } from '../data/livequery.js';
import { get } from '../data/api.js';
import { titleOf } from '../data/catalog.js';
import { NOTHING, changeText, valueOfNothing, valueText } from '../view/numbers.js';
import { questionBefore, questionOf } from '../view/question.js';
import { Part, flash } from './part.js';

export class Tile extends Part {
  static properties = { metric: { attribute: false }, name: {}, choices: { attribute: false } };

  constructor() {
    super();
    /** @type {import('../data/contract.js').Metric} */
    this.metric = { name: '', aggregate: 'count', by: [] };
    this.name = '';
    /** @type {import('../view/question.js').Choices | null} */
    this.choices = null;
  }

  #query = new LiveQuery(this);
  #shown = '';
  #questionBefore = '';
  /** @type {import('../data/contract.js').Value | undefined} */
  #before;

  willUpdate() {
    this.#askBefore();
    if (this.choices) this.#query.ask(questionOf(this.metric, this.choices, { interval: null, by: null }));
    this.dataset.state = this.#query.view?.state ?? 'waiting';
    this.dataset.stale = String(this.#query.stale);
  }

  /** What is over does not move: it is asked for once, not followed. */
  async #askBefore() {
    const question = this.choices ? questionBefore(this.metric, this.choices, Date.now()) : '';
    if (question === this.#questionBefore) return;
    this.#questionBefore = question;
    if (!question) this.#before = undefined;
    else {
      // Without it the tile says as much as it did before: a number.
      const answer = await get(`v1/${question}`).catch(() => undefined);
      if (question !== this.#questionBefore) return;
      this.#before = answer && (answer.rows[0]?.value ?? valueOfNothing(this.metric));
    }
    this.requestUpdate();
  }

  #change() {
    const value = this.#query.view?.rows.values().next().value?.value ?? valueOfNothing(this.metric);
    const text = this.#query.stale ? '' : changeText(value, this.#before);
    if (!text) return '';
    const before = valueText(this.#before, this.metric);
    return html`<p class="tile-change"><b>${text}</b> from ${before} in the period before</p>`;
  }

  render() {
    const view = this.#query.view;
    const [row] = view?.rows.values() ?? [];
    const text = view?.state === 'ready' ? valueText(row?.value ?? (valueOfNothing(this.metric)), this.metric) : NOTHING;
    return html`<article class="tile" title=${this.metric.description ?? ''}>
      <h2 class="tile-name">${this.name || titleOf(this.metric)} <span class="unit">${this.metric.unit}</span></h2>
      <p class="tile-number"><span class="tile-value">${text}</span></p>
      ${view?.state === 'ready' ? this.#change() : ''}
      ${view?.state === 'problem' ? html`<p class="tile-problem" role="alert">${view.problem?.detail}</p>` : ''}
    </article>`;
  }

  updated() {
    const value = this.querySelector('.tile-value');
    const text = value?.textContent ?? '';
    if (this.#shown && this.#shown !== NOTHING && text !== this.#shown && this.#query.view?.changed.size) flash(value);
    this.#shown = text;
  }
}

customElements.define('lt-tile', Tile);
