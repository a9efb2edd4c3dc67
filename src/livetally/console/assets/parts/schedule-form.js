/**
 * Gives a source another schedule than its definition's.
 *
 * In the flow: receives a source, sends the schedule that a person chose, hands up the source as it is then (`changed`
 * event).
 * Guarantee: what the server refuses is said in the form, and nothing has changed.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { Problem, send } from '../data/api.js';
import { ownZone } from '../time/zones.js';
import { scheduleParts } from '../view/source.js';
import { Part, uniqueId } from './part.js';

/** @typedef {import('../data/contract.js').Source} Source */

const UNITS = ['seconds', 'minutes', 'hours', 'days', 'weeks'];

export class ScheduleForm extends Part {
  static properties = { source: { attribute: false }, kind: { state: true }, problem: { state: true }, busy: { state: true } };

  constructor() {
    super();
    /** @type {Source | null} */
    this.source = null;
    /** What was chosen in the form; null while that is as the source has it. @type {'every' | 'cron' | null} */
    this.kind = null;
    this.problem = '';
    this.busy = false;
  }

  #id = uniqueId('schedule');
  #shown = '';

  willUpdate() {
    const shown = `${this.source?.name} ${this.source?.schedule}`;
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.kind = null;
    this.problem = '';
    // What was typed belongs to the schedule before.
    this.querySelector('form')?.reset();
  }

  render() {
    const { source } = this;
    if (!source) return nothing;
    const parts = scheduleParts(source.schedule);
    const kind = this.kind ?? parts.kind;
    return html`<form class="key-form schedule-form" @submit=${this.#onSubmit} novalidate>
      <label for="${this.#id}-kind">Run</label>
      <select id="${this.#id}-kind" name="kind" @change=${this.#onKind}>
        <option value="every" ?selected=${kind === 'every'}>Again and again</option>
        <option value="cron" ?selected=${kind === 'cron'}>At times of a calendar</option>
      </select>
      ${kind === 'every'
        ? html`<label for="${this.#id}-count">Every</label>
            <div class="field-pair">
              <input id="${this.#id}-count" name="count" type="number" inputmode="numeric" min="1" max="9999999" .defaultValue=${parts.count} />
              <select name="unit" aria-label="Unit">${UNITS.map((one) => html`<option ?selected=${one === parts.unit}>${one}</option>`)}</select>
            </div>`
        : html`<label for="${this.#id}-cron">Minute, hour, day, month, weekday</label>
            <input id="${this.#id}-cron" class="code" name="cron" .defaultValue=${parts.cron} placeholder="0 6 * * mon-fri" autocomplete="off" spellcheck="false" autocapitalize="off" />
            <label for="${this.#id}-tz">Zone</label>
            <input id="${this.#id}-tz" name="tz" .defaultValue=${parts.kind === 'cron' ? parts.tz : ownZone()} placeholder="Europe/Oslo" autocomplete="off" spellcheck="false" autocapitalize="off" />`}
      ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
      <div class="form-buttons">
        <button class="strong" data-save ?disabled=${this.busy}>Change schedule</button>
        ${source.schedule_of === 'person' ? html`<button class="plain" type="button" data-reset ?disabled=${this.busy} @click=${() => this.#set(null)}>As in the definition</button>` : nothing}
      </div>
    </form>`;
  }

  /** @param {Event} event */
  #onKind(event) {
    this.kind = /** @type {any} */ (/** @type {HTMLSelectElement} */ (event.target).value);
  }

  /** @param {SubmitEvent} event */
  #onSubmit(event) {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const text = (/** @type {string} */ name) => String(form.get(name) ?? '').trim();
    this.#set(text('kind') === 'cron' ? { cron: text('cron'), tz: text('tz') } : { every: everyText(text('count'), text('unit')) });
  }

  /** @param {Record<string, string> | null} schedule null: the definition's */
  async #set(schedule) {
    if (!this.source) return;
    this.busy = true;
    this.problem = '';
    try {
      const detail = await send('PATCH', `v1/sources/${encodeURIComponent(this.source.name)}`, { schedule });
      this.dispatchEvent(new CustomEvent('changed', { detail, bubbles: true }));
    } catch (error) {
      this.problem = error instanceof Problem ? error.message : String(error);
    } finally {
      this.busy = false;
    }
  }
}

/** `5 minutes`, `1 day`. @param {string} count @param {string} unit */
function everyText(count, unit) {
  return `${count} ${count === '1' ? unit.replace(/s$/, '') : unit}`;
}

customElements.define('lt-schedule-form', ScheduleForm);
