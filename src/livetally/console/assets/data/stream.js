/**
 * One EventSource that comes back by itself, rests while nobody looks, and says how it is.
 *
 * In the flow: receives the questions as a query string from `live.js`, hands it each event, parsed.
 * Guarantee: after any break it resumes from the last position it saw (`Last-Event-ID`), so the server
 * sends only what changed. A browser allows about six connections to one server: a hidden tab gives its own back.
 */

import { Problem, addressOf, streamCredentials } from './api.js';
import { parseExact } from './exact.js';

/** @typedef {'idle' | 'connecting' | 'live' | 'reconnecting' | 'offline' | 'resting'} Status `idle`: nothing is asked */

const KINDS = ['snapshot', 'update', 'reset', 'problem'];
const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 30_000;
const REST_AFTER_HIDDEN_MS = 30_000;
/** This many failures in a row are called offline. */
const OFFLINE_AFTER = 3;

/** See the module's text. */
export class Stream {
  /** @param {{ status: () => void, message: (kind: string, data: any, text: string) => void }} to */
  constructor(to) {
    this.#to = to;
    /** @type {Status} */
    this.status = 'idle';
    /** @type {() => void} */
    this.signedOut = () => {};
    window.addEventListener('online', () => this.#retryNow());
    window.addEventListener('offline', () => this.#query && this.#say('offline'));
    document.addEventListener('visibilitychange', () => this.#onVisibility());
  }

  #to;
  /** @type {EventSource | null} */
  #source = null;
  #query = '';
  #lastId = '';
  #failures = 0;
  /** Counts the attempts, so that one which was overtaken gives up. */
  #attempt = 0;
  #retryTimer = 0;
  #restTimer = 0;

  /** Ask these questions from now on; an empty query closes. @param {string} query */
  open(query) {
    this.#query = query;
    // Other questions have no state to resume from: they begin with a snapshot.
    this.#lastId = '';
    this.#failures = 0;
    this.#connect();
  }

  async #connect() {
    this.#close();
    if (!this.#query) return this.#say('idle');
    if (this.status === 'idle') this.#say('connecting');
    const attempt = (this.#attempt += 1);
    const credentials = await this.#credentials();
    if (attempt !== this.#attempt || !this.#query) return;
    if (credentials === null) return this.#retryLater();
    const resume = this.#lastId && `&last_event_id=${encodeURIComponent(this.#lastId)}`;
    this.#listen(new EventSource(addressOf(`v1/live?${this.#query}${resume}${credentials}`)));
  }

  /** @returns {Promise<string | null>} null when the server could not be asked */
  async #credentials() {
    try {
      return await streamCredentials();
    } catch (error) {
      if (error instanceof Problem && error.status === 401) this.signedOut();
      return null;
    }
  }

  #retryLater() {
    this.#failures += 1;
    this.#say(this.#failures >= OFFLINE_AFTER || !navigator.onLine ? 'offline' : 'reconnecting');
    const wait = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** (this.#failures - 1));
    // Spread, so that a thousand open pages don't return in the same second.
    this.#retryTimer = window.setTimeout(() => this.#connect(), wait * (0.5 + Math.random() / 2));
  }

  /** @param {EventSource} source */
  #listen(source) {
    this.#source = source;
    source.onopen = () => {
      this.#failures = 0;
      this.#say('live');
    };
    source.onerror = () => this.#onError(source);
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => {
        if (event.lastEventId) this.#lastId = event.lastEventId;
        this.#to.message(kind, parseExact(event.data), event.data);
      });
    }
  }

  #close() {
    window.clearTimeout(this.#retryTimer);
    this.#retryTimer = 0;
    this.#source?.close();
    this.#source = null;
    this.#attempt += 1;
  }

  /** @param {EventSource} source */
  async #onError(source) {
    if (source !== this.#source) return;
    // While CONNECTING the browser itself tries again and sends Last-Event-ID.
    if (source.readyState !== EventSource.CLOSED) {
      this.#failures += 1;
      this.#say(this.#failures >= OFFLINE_AFTER || !navigator.onLine ? 'offline' : 'reconnecting');
      return;
    }
    this.#source = null;
    if (await this.#isSignedOut()) {
      this.#close();
      this.signedOut();
      return;
    }
    if (this.#source === null && !this.#retryTimer) this.#retryLater();
  }

  async #isSignedOut() {
    try {
      return (await fetch(addressOf('v1/session'), { credentials: 'same-origin' })).status === 401;
    } catch {
      return false; // Not reached: nothing is known, so try the stream again.
    }
  }

  #retryNow() {
    if (this.status !== 'live' && this.#query) this.#connect();
  }

  #onVisibility() {
    window.clearTimeout(this.#restTimer);
    if (document.hidden) {
      this.#restTimer = window.setTimeout(() => {
        this.#close();
        this.#say('resting');
      }, REST_AFTER_HIDDEN_MS);
    } else if (this.status === 'resting') {
      this.#say('reconnecting');
      this.#connect();
    }
  }

  /** @param {Status} status */
  #say(status) {
    if (this.status === status) return;
    this.status = status;
    this.#to.status();
  }
}
