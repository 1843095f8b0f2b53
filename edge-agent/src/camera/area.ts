// Rectangles of a picture in fractions of its size, so that they hold for every resolution of it.

/** 0 to 1 from the left upper corner. */
export interface Area {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Which cells of a grid have their middle in one of the areas; all of them when there is none. */
export function cellsIn(areas: readonly Area[], columns: number, rows: number): Uint8Array {
  const cells = new Uint8Array(columns * rows).fill(areas.length === 0 ? 1 : 0);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const [x, y] = [(column + 0.5) / columns, (row + 0.5) / rows];
      if (areas.some((area) => contains(area, x, y))) cells[row * columns + column] = 1;
    }
  }
  return cells;
}

function contains({ x: left, y: top, width, height }: Area, x: number, y: number): boolean {
  return x >= left && x < left + width && y >= top && y < top + height;
}
