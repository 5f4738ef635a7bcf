/** A flat cut through the space of thoughts: it passes through one thought and two others. */

import { dot, type Vector } from "../math";

/** Right, up, and out of the plane, in the units of latents. */
export type Place = readonly [x: number, y: number, z: number];

export class Plane {
  readonly origin: Vector;
  /** Where the two others lie, and the middle of what is shown. */
  readonly first: Place;
  readonly second: Place;
  readonly centre: Place;
  /** From the centre to each edge of what is shown. */
  readonly reach: number;
  /** How far out of the plane the third thought lies. */
  readonly depth: number;
  private readonly axes: Vector[];

  constructor(origin: Vector, first: Vector, second: Vector, third: Vector) {
    this.origin = origin;
    const [a, b, c] = [first, second, third].map((other) => other.map((value, i) => value - origin[i]));
    // right: from the origin towards the middle of the two, so that it lies left of them, the first above the second
    const right = unit(a.map((value, i) => value + b[i]), []);
    const up = unit(a.map((value, i) => value - b[i]), [right]);
    this.axes = [right, up, unit(c, [right, up])];
    this.first = this.coordinates(first);
    this.second = this.coordinates(second);
    this.depth = dot(c, this.axes[2]);
    const x = (Math.min(0, this.first[0], this.second[0]) + Math.max(0, this.first[0], this.second[0])) / 2;
    const y = (this.first[1] + this.second[1]) / 2;
    this.centre = [x, y, 0];
    const far = [[0, 0], this.first, this.second].map(([px, py]) => Math.max(Math.abs(px - x), Math.abs(py - y)));
    this.reach = 1.55 * Math.max(...far);
  }

  at([x, y, z]: Place): Vector {
    const [right, up, out] = this.axes;
    return this.origin.map((value, i) => value + x * right[i] + y * up[i] + z * out[i]);
  }

  coordinates(latent: Vector): Place {
    const away = latent.map((value, i) => value - this.origin[i]);
    const [x, y, z] = this.axes.map((axis) => dot(away, axis));
    return [x, y, z];
  }

  /** What lies in no direction of the three. */
  rest(vector: Vector): Vector {
    return without(vector, this.axes);
  }

  /** The covariance of N(., diag(exp(logvar))) in the plane: xx, xy, yy. */
  covariance(logvar: Vector): [number, number, number] {
    const [right, up] = this.axes;
    const sum = (a: Vector, b: Vector): number => a.reduce((total, value, i) => total + value * b[i] * Math.exp(logvar[i]), 0);
    return [sum(right, right), sum(right, up), sum(up, up)];
  }
}

export const distance = (x: Vector, y: Vector): number => Math.sqrt(x.reduce((sum, value, i) => sum + (value - y[i]) ** 2, 0));

function without(vector: Vector, axes: readonly Vector[]): Vector {
  let left = vector;
  for (const axis of axes) {
    const share = dot(left, axis);
    left = left.map((value, i) => value - share * axis[i]);
  }
  return left;
}

/** The direction of a vector beside the axes; where it has none of its own, some direction beside them. */
function unit(vector: Vector, axes: readonly Vector[]): Vector {
  for (let i = -1; i < vector.length; i++) {
    const own = without(i < 0 ? vector : vector.map((_, j) => (j === i ? 1 : 0)), axes);
    const length = Math.sqrt(dot(own, own));
    if (length > 1e-3) return own.map((value) => value / length);
  }
  throw new Error(`${axes.length} directions fill a space of ${vector.length}: there is no other`);
}
