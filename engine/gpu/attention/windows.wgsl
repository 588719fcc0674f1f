// Windows of a map, cut or put together: one invocation copies WIDTH channels of a pixel.
// SPDX-License-Identifier: MIT
fn element(i: i32) {
  let c = i % u.channels * WIDTH;
  let pixel = i / u.channels;
  // Of the completed map for a cut, of the map itself for a merge; both before the roll.
  let x = pixel % u.pixels_x;
  let y = pixel / u.pixels_x % u.pixels_y;
  let n = pixel / u.pixels_x / u.pixels_y;
  var map = vec2i(y, x);
  var rolled = vec2i(y, x);
  if (CUT) { map = (map + vec2i(u.shift_y, u.shift_x)) % vec2i(u.padded_y, u.padded_x); }
  else { rolled = (rolled + vec2i(u.padded_y - u.shift_y, u.padded_x - u.shift_x)) % vec2i(u.padded_y, u.padded_x); }
  let window = (n * u.windows_y + rolled.x / u.window_y) * u.windows_x + rolled.y / u.window_x;
  let token = rolled.x % u.window_y * u.window_x + rolled.y % u.window_x;
  let at_window = window * u.w_b + token * u.w_n + c;
  let at_map = n * u.m_b + map.x * u.m_y + map.y * u.m_x + c;
  if (!CUT) { transfer(at_window, at_map); }
  else if (map.x < u.height && map.y < u.width) { transfer(at_map, at_window); }
  else { clear(at_window); }
}
