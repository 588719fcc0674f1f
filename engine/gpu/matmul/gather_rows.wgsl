// Rows of a matrix: what a product reads for row (n, y, x).
// SPDX-License-Identifier: MIT
struct Place { base: i32, inside: bool }

fn place_of(at: vec3i, part: i32) -> Place {
  return Place(part_of(part).x + at.x * u.a_n + (at.y + u.first_row_y) * u.a_y + at.z * u.a_x, true);
}

fn fetch(p: Place, tap: i32, k: i32, part: i32) -> vec4f {
  return x_at4(p.base + k, min(4, u.depth - k));
}
