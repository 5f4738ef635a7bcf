/** What is read at every place of a plane: coarse first, then finer where two readings meet, between other work. */

export interface Reading {
  text: string;
  /** Its probability. */
  chance: number;
}

/** A name in the middle of its territory, in shares of the side. */
export interface Label {
  text: string;
  x: number;
  y: number;
  /** From there to where the territory ends. */
  room: number;
}

const [COARSE, FINE] = [8, 128];
/** Milliseconds of work between two looks at what else is to be done. */
const SLICE = 6;

export class Territories {
  /** Cells on a side; 0 before the coarse ones are read. */
  side = 0;
  /** Row by row from the top left. */
  cells: Reading[] = [];
  private next: Reading[] = [];
  private timer = 0;
  private waiting = false;
  private readonly read: (x: number, y: number) => Reading;
  private readonly finer: () => void;

  /** @param read what is read at shares x (from the left) and y (from the top) of the side.
   *  @param finer is called when there is more to see.
   */
  constructor(read: (x: number, y: number) => Reading, finer: () => void) {
    this.read = read;
    this.finer = finer;
    this.timer = setTimeout(this.work);
  }

  /** While true, nothing is read. */
  set paused(value: boolean) {
    this.waiting = value;
    if (!value && !this.timer && this.side < FINE) this.timer = setTimeout(this.work);
  }

  get done(): boolean {
    return this.side >= FINE;
  }

  stop(): void {
    clearTimeout(this.timer);
    this.side = FINE;
  }

  private readonly work = (): void => {
    this.timer = 0;
    if (this.waiting || this.done) return;
    const side = this.side ? 2 * this.side : COARSE;
    const end = performance.now() + SLICE;
    while (this.next.length < side * side && performance.now() < end) this.next.push(this.cell(this.next.length, side));
    if (this.next.length === side * side) {
      [this.cells, this.next, this.side] = [this.next, [], side];
      this.finer();
    }
    if (this.side < FINE) this.timer = setTimeout(this.work);
  };

  /** Read anew where the coarser cells around differ, else taken from them. */
  private cell(index: number, side: number): Reading {
    const [column, row] = [index % side, Math.floor(index / side)];
    if (this.side) {
      const coarse = (c: number, r: number): Reading => {
        const within = (i: number): number => Math.min(this.side - 1, Math.max(0, i));
        return this.cells[within(r) * this.side + within(c)];
      };
      const [c, r] = [column >> 1, row >> 1];
      const [dc, dr] = [column % 2 ? 1 : -1, row % 2 ? 1 : -1];
      const around = [coarse(c, r), coarse(c + dc, r), coarse(c, r + dr), coarse(c + dc, r + dr)];
      if (around.every((other) => other.text === around[0].text)) {
        const chance = (9 * around[0].chance + 3 * around[1].chance + 3 * around[2].chance + around[3].chance) / 16;
        return { text: around[0].text, chance };
      }
    }
    return this.read((column + 0.5) / side, (row + 0.5) / side);
  }

  /** The place furthest inside each connected territory, the roomiest first. */
  labels(): Label[] {
    const { side, cells } = this;
    const inside = new Int32Array(cells.length).fill(-1);
    let front: number[] = [];
    const neighbours = (index: number): number[] => {
      const [column, row] = [index % side, Math.floor(index / side)];
      return [
        ...(column > 0 ? [index - 1] : []),
        ...(column < side - 1 ? [index + 1] : []),
        ...(row > 0 ? [index - side] : []),
        ...(row < side - 1 ? [index + side] : []),
      ];
    };
    cells.forEach((cell, i) => {
      const around = neighbours(i);
      if (around.length < 4 || around.some((j) => cells[j].text !== cell.text)) {
        inside[i] = 0;
        front.push(i);
      }
    });
    const order = [...front];
    while (front.length) {
      const further: number[] = [];
      for (const i of front) {
        for (const j of neighbours(i)) {
          if (inside[j] < 0) {
            inside[j] = inside[i] + 1;
            further.push(j);
          }
        }
      }
      order.push(...further);
      front = further;
    }
    const seen = new Uint8Array(cells.length);
    const found: Label[] = [];
    for (const start of order.reverse()) {
      if (seen[start]) continue;
      const text = cells[start].text;
      seen[start] = 1;
      const stack = [start];
      for (let i = stack.pop(); i !== undefined; i = stack.pop()) {
        for (const j of neighbours(i)) {
          if (!seen[j] && cells[j].text === text) {
            seen[j] = 1;
            stack.push(j);
          }
        }
      }
      const [column, row] = [start % side, Math.floor(start / side)];
      found.push({ text, x: (column + 0.5) / side, y: (row + 0.5) / side, room: (inside[start] + 0.5) / side });
    }
    return found;
  }
}
