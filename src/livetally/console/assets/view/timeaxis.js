/**
 * What all charts on a page share: the stretch of time along the bottom, and the bucket that is pointed at.
 *
 * In the flow: receives the reach of each chart's data and the pointer's or keyboard's bucket, hands both to every chart.
 * Guarantee: the same moment is at the same place in every chart, so that eyes can go straight down the page.
 */

/** Fires `reach` and `cursor`. */
export class TimeAxis extends EventTarget {
  /** @type {number | null} ms of the first bucket of any chart, when the range has no start */
  first = null;
  /** @type {number | null} ms of the last bucket of any chart */
  last = null;
  /** @type {number | null} ms of the bucket that is pointed at */
  cursor = null;

  /** Forget the reach: other questions are asked. */
  reset() {
    this.first = null;
    this.last = null;
  }

  /** One chart has data from `first` to `last`. @param {number} first @param {number} last */
  reachTo(first, last) {
    const grows = this.first === null || this.last === null || first < this.first || last > this.last;
    if (!grows) return;
    this.first = Math.min(first, this.first ?? first);
    this.last = Math.max(last, this.last ?? last);
    this.dispatchEvent(new Event('reach'));
  }

  /** Point at a bucket, or at none. @param {number | null} ms */
  point(ms) {
    if (ms === this.cursor) return;
    this.cursor = ms;
    this.dispatchEvent(new Event('cursor'));
  }
}
