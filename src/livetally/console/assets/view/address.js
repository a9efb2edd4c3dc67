/**
 * The page's address: which page, and everything a reader chose on it.
 *
 * In the flow: receives the part after `#` from the browser, hands pages a path and choices; writes changes back.
 * Guarantee: what is seen can be sent to someone as a link; the part after `#` never reaches a server's log.
 */

/** What is chosen on one page and means the same on all others. */
const EVERYWHERE = ['range', 'from', 'to', 'tz', 'team'];

/** Fires `change` when the path or a choice changes. */
export class Address extends EventTarget {
  constructor() {
    super();
    this.#text = window.location.hash;
    window.addEventListener('hashchange', () => {
      if (window.location.hash !== this.#text) this.#announce();
    });
  }

  #text;

  /** The path's parts, such as `['dashboards', 'flights', 'overview']`. @returns {string[]} */
  get path() {
    return (this.#text.slice(1).split('?')[0] ?? '').split('/').filter(Boolean).map(decode);
  }

  /** A copy of the choices. @returns {URLSearchParams} */
  get choices() {
    const start = this.#text.indexOf('?');
    return new URLSearchParams(start < 0 ? '' : this.#text.slice(start + 1));
  }

  /** @param {string} name @returns {string | null} */
  choice(name) {
    return this.choices.get(name);
  }

  /**
   * Change some choices; null or an empty list removes one.
   * @param {Record<string, string | string[] | null>} changes
   * @param {{ keep?: boolean }} [options] `keep`: a step that Back returns to (the default)
   */
  choose(changes, { keep = true } = {}) {
    const choices = this.choices;
    for (const [name, value] of Object.entries(changes)) {
      choices.delete(name);
      for (const one of value === null ? [] : [value].flat()) choices.append(name, one);
    }
    this.#write(this.path, choices, keep);
  }

  /** Go to another page, with the choices that are good on every page. @param {string[]} path */
  go(path) {
    this.#write(path, this.choices, true);
  }

  /** The link to another page, for an `href`. @param {string[]} path @returns {string} */
  linkTo(path) {
    return textOf(path, this.choices);
  }

  /**
   * The link to a page of another kind, with the choices that mean the same there and those given.
   * @param {string[]} path
   * @param {Record<string, string | string[]>} [given]
   * @returns {string}
   */
  linkAcross(path, given = {}) {
    const here = this.choices;
    const kept = new URLSearchParams(EVERYWHERE.flatMap((name) => here.getAll(name).map((value) => [name, value])));
    for (const name of Object.keys(given)) kept.delete(name);
    for (const [name, value] of Object.entries(given)) for (const one of [value].flat()) kept.append(name, one);
    return textOf(path, kept);
  }

  /** Go to a page of another kind; see `linkAcross`. @param {string[]} path @param {Record<string, string | string[]>} [given] */
  goAcross(path, given = {}) {
    window.history.pushState(null, '', this.linkAcross(path, given));
    this.#announce();
  }

  /** @param {string[]} path @param {URLSearchParams} choices @param {boolean} keep */
  #write(path, choices, keep) {
    const text = textOf(path, choices);
    if (text === this.#text) return;
    if (keep) window.history.pushState(null, '', text);
    else window.history.replaceState(null, '', text);
    this.#announce();
  }

  #announce() {
    this.#text = window.location.hash;
    this.dispatchEvent(new Event('change'));
  }
}

/** @param {string[]} path @param {URLSearchParams} choices */
function textOf(path, choices) {
  // Slashes and colons are legal in a fragment, and far easier to read than their codes.
  const query = choices.toString().replaceAll('%2F', '/').replaceAll('%3A', ':').replaceAll('%2C', ',');
  return `#/${path.map(encodeURIComponent).join('/')}${query && `?${query}`}`;
}

/** @param {string} part */
function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // A mangled link names no page; the page "not found" says so.
  }
}
