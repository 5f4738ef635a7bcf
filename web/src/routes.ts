/** Routes on small maps, as atp_lite/domains/routes has them: what a question asks for, and whether hops answer it. */

const LETTERS = "abcdefghi";
/** Cells on a side, at most: the size is one digit of the question. */
export const LARGEST = LETTERS.length;
const QUESTION = /^\s*(\d)\s*:((?:\s*[a-z]{2}\b)*)\s*:\s*([a-z]{2})\s+to\s+([a-z]{2})\s*$/u;
const HOP = /^\s*([a-z]{2})\s*>\s*([a-z]{2})\s*$/u;

/** The name of a cell: the letters of its row and of its column. */
export const cellName = (row: number, column: number): string => LETTERS[row] + LETTERS[column];

/** Row and column of a cell. */
export const cellPlace = (cell: string): [number, number] => [LETTERS.indexOf(cell[0]), LETTERS.indexOf(cell[1])];

export interface Hop {
  start: string;
  end: string;
}

/** What a step such as `aa>ab` says, or null where it is no hop. */
export function readHop(text: string): Hop | null {
  const found = HOP.exec(text);
  return found && { start: found[1], end: found[2] };
}

/** A decoded chain, judged against its map. */
export interface Verdict {
  hops: { hop: Hop | null; legal: boolean; inPlace: boolean }[];
  /** Every hop is legal and goes on from the last, and the last one ends at the goal. */
  arrives: boolean;
  /** It arrives, and no route is shorter. */
  shortest: boolean;
}

export class Route {
  readonly size: number;
  readonly blocked: ReadonlySet<string>;
  readonly start: string;
  readonly goal: string;
  /** Hops from each cell to the goal; cells from which it cannot be reached are left out. */
  readonly distances: ReadonlyMap<string, number>;
  /** How many shortest routes lead from each of these cells to the goal. */
  readonly counts: ReadonlyMap<string, number>;

  /** @throws Error for a size, cell, start or goal that makes no map. */
  constructor(size: number, blocked: Iterable<string>, start: string, goal: string) {
    if (size < 2 || size > LARGEST) throw new Error(`a map of ${size} x ${size} cells: give a size of 2 to ${LARGEST}`);
    this.size = size;
    this.blocked = new Set(blocked);
    this.start = start;
    this.goal = goal;
    const last = cellName(size - 1, size - 1);
    for (const cell of [...this.blocked, start, goal]) {
      if (!this.has(cell)) throw new Error(`"${cell}" is not on a map of ${size} x ${size} cells: use aa to ${last}`);
    }
    if (this.blocked.has(start)) throw new Error(`the start ${start} is blocked: choose a free cell`);
    if (this.blocked.has(goal)) throw new Error(`the goal ${goal} is blocked: choose a free cell`);
    [this.distances, this.counts] = this.search();
  }

  /** @throws Error that says how such a question is written. */
  static read(question: string): Route {
    const found = QUESTION.exec(question.toLowerCase());
    if (!found) {
      throw new Error(
        `"${question}" is no question about a route: write the size, the blocked cells, start and goal, ` +
          "such as 5 : ab cd : aa to de",
      );
    }
    const [, size, blocked, start, goal] = found;
    return new Route(Number(size), blocked.match(/\S+/gu) ?? [], start, goal);
  }

  /** Every cell, row by row. */
  get cells(): string[] {
    return Array.from({ length: this.size ** 2 }, (_, i) => cellName(Math.floor(i / this.size), i % this.size));
  }

  /** The question as the planner reads it. */
  get question(): string {
    return `${this.size} : ${[...this.blocked].sort().map((cell) => `${cell} `).join("")}: ${this.start} to ${this.goal}`;
  }

  /** Hops of a shortest route, or null where there is none. */
  get distance(): number | null {
    return this.distances.get(this.start) ?? null;
  }

  /** How many shortest routes there are. */
  get count(): number {
    return this.counts.get(this.start) ?? 0;
  }

  has(cell: string): boolean {
    const [row, column] = cellPlace(cell);
    return cell.length === 2 && Math.min(row, column) >= 0 && Math.max(row, column) < this.size;
  }

  /** Free cells above, below, left and right of a cell. */
  neighbours(cell: string): string[] {
    const [row, column] = cellPlace(cell);
    return [
      [row - 1, column],
      [row + 1, column],
      [row, column - 1],
      [row, column + 1],
    ]
      .filter((place) => place.every((i) => i >= 0 && i < this.size))
      .map(([i, j]) => cellName(i, j))
      .filter((other) => !this.blocked.has(other));
  }

  /** Both cells are free, side by side. */
  isLegal(hop: Hop): boolean {
    return this.has(hop.start) && !this.blocked.has(hop.start) && this.neighbours(hop.start).includes(hop.end);
  }

  judge(steps: string[]): Verdict {
    let at: string | null = this.start;
    const hops = steps.map((text) => {
      const hop = readHop(text);
      const legal = hop !== null && this.isLegal(hop);
      const inPlace = legal && hop.start === at;
      at = hop?.end ?? null;
      return { hop, legal, inPlace };
    });
    const arrives = hops.length > 0 && hops.every((each) => each.inPlace) && at === this.goal;
    return { hops, arrives, shortest: arrives && hops.length === this.distance };
  }

  /** Breadth-first from the goal; a cell's shortest routes are those of its neighbours that are nearer. */
  private search(): [Map<string, number>, Map<string, number>] {
    const distances = new Map([[this.goal, 0]]);
    const counts = new Map([[this.goal, 1]]);
    const queue = [this.goal];
    for (let cell = queue.shift(); cell !== undefined; cell = queue.shift()) {
      const next = (distances.get(cell) ?? 0) + 1;
      for (const other of this.neighbours(cell)) {
        if (!distances.has(other)) {
          distances.set(other, next);
          queue.push(other);
        }
        if (distances.get(other) === next) counts.set(other, (counts.get(other) ?? 0) + (counts.get(cell) ?? 0));
      }
    }
    return [distances, counts];
  }
}
