/**
 * A list of things that is kept current: asked once for a page, and live while the first page is shown.
 *
 * In the flow: receives a question such as `entities/incident?limit=50` from a page or part, hands it rows in order.
 * Guarantee: rows are those of the newest answer, whichever way it came; where the server keeps no such list live, the
 * page that was asked for stands, and can be asked for again.
 */

import { LiveQuery } from './livequery.js';
import { Resource } from './resource.js';

/** @typedef {import('../vendor/lit/lit-element.js').ReactiveControllerHost} Host */

/** @template T */
export class LiveList {
  /**
   * @param {Host} host
   * @param {string} member the name under which an answer holds its rows
   * @param {(path: string) => Promise<any>} [get]
   */
  constructor(host, member, get) {
    this.#member = member;
    /** @type {Resource<any>} */
    this.page = new Resource(host, get);
    this.#live = new LiveQuery(host);
  }

  #member;
  #live;
  #question = '';

  /** @param {string} question @param {string | null} cursor of a page; only the first page is live */
  ask(question, cursor) {
    this.#question = cursor ? '' : question;
    const joint = question.includes('?') ? '&' : '?';
    this.page.ask(question && `v1/${question}${cursor ? `${joint}cursor=${encodeURIComponent(cursor)}` : ''}`);
    this.#live.ask(this.#question);
  }

  /** Whether rows change by themselves. */
  get isLive() {
    return this.#live.view?.state === 'ready' && !this.#live.stale;
  }

  /** @returns {readonly T[] | null} null while there is no answer */
  get rows() {
    if (this.isLive && !this.page.stale) return /** @type {any} */ ([...(this.#live.view?.rows.values() ?? [])]);
    return this.page.answer?.[this.#member] ?? null;
  }

  /** @returns {string | null} the cursor after the page that was asked for; see `nextNow` */
  get next() {
    return this.page.answer?.next ?? null;
  }

  /** Whether there may be more than what is shown. @param {number} limit rows of a page @returns {boolean} */
  hasNext(limit) {
    return this.next !== null || (this.isLive && (this.rows?.length ?? 0) >= limit);
  }

  /**
   * The cursor after what is shown: rows that moved off a live page since it was asked for must not be skipped.
   * @returns {Promise<string | null>}
   */
  async nextNow() {
    if (this.isLive) await this.page.reload();
    return this.next;
  }
}
