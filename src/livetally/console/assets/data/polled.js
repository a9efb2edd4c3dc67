/**
 * Keeps answers current that the server does not push: questions about what nobody has declared.
 *
 * In the flow: receives questions from `livequery.js` as `live.js` does, asks for each every few seconds.
 * Guarantee: nothing is asked while nobody looks, and one question never waits for itself twice.
 */

import { bucketOf, emptyView, timed } from './live.js';
import { Problem, get } from './api.js';

/** @typedef {import('./live.js').View} View */
/** @typedef {{ view: View, listeners: Set<() => void>, timer: number, asking: boolean }} Entry */

const EVERY_MS = 5_000;

export class Polled {
  /** @type {Map<string, Entry>} */
  #entries = new Map();

  /**
   * Keep `question` (such as `explore?event=tap`) current until the returned function is called.
   * @param {string} question
   * @param {() => void} listener called after each change
   * @returns {{ view: View, release: () => void }}
   */
  subscribe(question, listener) {
    const entry = this.#entries.get(question) ?? this.#begin(question);
    entry.listeners.add(listener);
    return { view: entry.view, release: () => this.#release(question, entry, listener) };
  }

  /** @param {string} question */
  #begin(question) {
    /** @type {Entry} */
    const entry = { view: emptyView(), listeners: new Set(), timer: 0, asking: false };
    this.#entries.set(question, entry);
    entry.timer = window.setInterval(() => document.hidden || this.#ask(question, entry), EVERY_MS);
    this.#ask(question, entry);
    return entry;
  }

  /** @param {string} question @param {Entry} entry @param {() => void} listener */
  #release(question, entry, listener) {
    entry.listeners.delete(listener);
    if (entry.listeners.size) return;
    window.clearInterval(entry.timer);
    this.#entries.delete(question);
  }

  /** @param {string} question @param {Entry} entry */
  async #ask(question, entry) {
    if (entry.asking) return;
    entry.asking = true;
    try {
      this.#take(entry.view, await get(`v1/${question}`));
    } catch (error) {
      const { status, title, message } = error instanceof Problem ? error : new Problem(0, { detail: String(error) });
      // The server is away for a moment: what is known stays.
      if (status !== 0 || entry.view.state !== 'ready') Object.assign(entry.view, { state: 'problem', problem: { title, detail: message } });
    } finally {
      entry.asking = false;
    }
    entry.view.version += 1;
    for (const listener of entry.listeners) listener();
  }

  /** @param {View} view @param {import('./contract.js').Answer} answer */
  #take(view, answer) {
    const before = view.rows;
    view.rows = new Map(answer.rows.map((row) => [bucketOf(row), timed(row)]));
    const isNews = view.state === 'ready';
    view.changed = new Set(isNews ? [...view.rows].filter(([bucket, row]) => before.get(bucket)?.value !== row.value).map(([bucket]) => bucket) : []);
    Object.assign(view, { state: 'ready', problem: null, from: answer.from ?? null, to: answer.to ?? null });
  }
}
