/**
 * Functions for PostgreSQL that transform a geometry without breaking it at longitude 180 or at a pole. They are
 * created in the schema of the run, and are called for the few geometries that `findCandidates` selects.
 */

/** An edge is halved until it turns by less than this. Longitudes of neighbors then differ by far less than 180. */
const MAX_TURN_DEGREES = 5;
/** Halves of halves of an edge. An edge of 1,000 km then has parts of 1 mm; such a part can only cross a pole. */
const MAX_HALVINGS = 30;
/** A latitude is a pole with this tolerance, about 0.1 mm. */
const POLE_TOLERANCE = 1e-9;
/** Longitudes are rounded to 180 within this tolerance, about 1 cm: web maps end at 20037508.34 or .35 m. */
const SEAM_TOLERANCE = 1e-7;

/**
 * `sluice_unwrap` transforms a line or ring to degrees, with longitudes that continue beyond 180. `changed` is false
 * when this is what ST_Transform returns. Long edges get vertices on their course. `srid` is null when the line need
 * not be transformed. A ring around a pole is closed along the pole: to the left of a counterclockwise ring is its
 * interior, so a ring that runs to the east holds the north pole. At a pole itself, the longitude is that of the
 * neighbor.
 */
const UNWRAP = `
create or replace function sluice_unwrap(
  line geometry, srid int, step float8, is_ring boolean, out unwrapped geometry, out changed boolean
) language plpgsql stable as $f$
declare
  has_z constant boolean := ST_Zmflag(line) >= 2;
  vertex geometry; start geometry; image geometry; middle geometry;
  ends geometry[]; images geometry[]; depths int[]; top int;
  xs float8[] := '{}'; ys float8[] := '{}'; zs float8[] := '{}';
  x float8; y float8; z float8; last_x float8; pole float8; turn float8; shift float8; n int;
  turns int := 0;
begin
  changed := false;
  for vertex in select d.geom from ST_DumpPoints(line) as d loop
    ends := array[vertex];
    images := array[case when srid is null then vertex else ST_Transform(vertex, srid) end];
    depths := array[0];
    top := 1;
    while top > 0 loop
      if start is not null and srid is not null and depths[top] < ${MAX_HALVINGS} then
        turn := ST_X(images[top]) - ST_X(image);
        if ST_Distance(start, ends[top]) > step or abs(ST_Y(images[top]) - ST_Y(image)) > ${MAX_TURN_DEGREES}
          or (abs(turn - 360 * round(turn / 360)) > ${MAX_TURN_DEGREES}
            and greatest(abs(ST_Y(images[top])), abs(ST_Y(image))) < 90 - ${POLE_TOLERANCE}) then
          middle := ST_LineInterpolatePoint(ST_MakeLine(start, ends[top]), 0.5);
          depths[top] := depths[top] + 1;
          ends[top + 1] := middle;
          images[top + 1] := ST_Transform(middle, srid);
          depths[top + 1] := depths[top];
          top := top + 1;
          continue;
        end if;
      end if;
      start := ends[top];
      image := images[top];
      top := top - 1;
      x := ST_X(image);
      y := ST_Y(image);
      z := coalesce(ST_Z(image), 0);
      if srid is not null then
        turn := x - last_x;
        turn := abs(turn - 360 * round(turn / 360));
        if abs(y) >= 90 - ${POLE_TOLERANCE} and coalesce(turn, 360) > 2 * ${MAX_TURN_DEGREES} then
          pole := sign(y) * 90;
          continue;
        end if;
        if turn > 2 * ${MAX_TURN_DEGREES} then
          pole := coalesce(pole, sign(y) * 90);
        end if;
        if pole is not null and last_x is not null then
          xs := xs || (last_x + 360 * turns); ys := ys || pole; zs := zs || z;
        end if;
        turns := turns - coalesce(round((x - last_x) / 360), 0)::int;
        if pole is not null then
          xs := xs || (x + 360 * turns); ys := ys || pole; zs := zs || z;
          changed := true;
          pole := null;
        end if;
      end if;
      changed := changed or turns <> 0;
      xs := xs || (x + 360 * turns); ys := ys || y; zs := zs || z;
      last_x := x;
    end loop;
  end loop;
  if pole is not null and last_x is not null then
    xs := xs || (last_x + 360 * turns); ys := ys || pole; zs := zs || z;
    changed := true;
  end if;
  n := cardinality(xs);
  if is_ring and (xs[1] <> xs[n] or ys[1] <> ys[n]) then
    if pole is null and abs(xs[1] - xs[n]) > 180 then
      pole := 90 * sign(xs[n] - xs[1])
        * case when ST_IsPolygonCCW(ST_MakePolygon(ST_Force2D(line))) then 1 else -1 end;
      xs := xs || array[xs[n], xs[1]]; ys := ys || array[pole, pole]; zs := zs || array[z, z];
    end if;
    xs := xs || xs[1]; ys := ys || ys[1]; zs := zs || zs[1];
  end if;
  select changed or min(v) < -180 or max(v) > 180, -360 * round((min(v) + max(v)) / 720) into changed, shift
    from unnest(xs) as v;
  if changed then
    select ST_SetSRID(
        ST_MakeLine(case when has_z then ST_MakePoint(px, py, pz) else ST_MakePoint(px, py) end order by position),
        coalesce(srid, ST_SRID(line)))
      into unwrapped
      from (
        select case when abs(abs(px + shift) - 180) < ${SEAM_TOLERANCE} then sign(px + shift) * 180 else px + shift end
            as px, py, pz, position
          from unnest(xs, ys, zs) with ordinality as t(px, py, pz, position)) as points;
  end if;
end $f$;
`;

/** `sluice_wrap_line` divides a line at 180, 540, … and shifts the parts to -180 to 180. Z is interpolated. */
const WRAP_LINE = `
create or replace function sluice_wrap_line(line geometry) returns geometry language plpgsql immutable as $f$
declare
  has_z constant boolean := ST_Zmflag(line) >= 2;
  vertex geometry; points geometry[] := '{}'; parts geometry[] := '{}';
  x float8; y float8; z float8; last_x float8; last_y float8; last_z float8;
  world int; next_world int; seam float8; share float8;
begin
  for vertex in select d.geom from ST_DumpPoints(line) as d loop
    x := ST_X(vertex);
    y := ST_Y(vertex);
    z := coalesce(ST_Z(vertex), 0);
    next_world := floor((x + 180) / 360);
    -- A vertex on the seam belongs to both sides.
    if x <> 360 * next_world - 180 then
      world := coalesce(world, next_world);
      while world <> next_world loop
        seam := 360 * world + sign(next_world - world) * 180;
        if last_x <> seam then
          share := (seam - last_x) / (x - last_x);
          last_x := seam;
          last_y := last_y + share * (y - last_y);
          last_z := last_z + share * (z - last_z);
          points := points
            || case when has_z then ST_MakePoint(last_x, last_y, last_z) else ST_MakePoint(last_x, last_y) end;
        end if;
        if cardinality(points) > 1 then
          parts := parts || ST_Translate(ST_MakeLine(points), -360 * world, 0);
        end if;
        points := points[cardinality(points):];
        world := world + sign(next_world - world)::int;
      end loop;
    end if;
    points := points || ST_SetSRID(vertex, 0);
    last_x := x;
    last_y := y;
    last_z := z;
  end loop;
  if cardinality(points) > 1 then
    parts := parts || ST_Translate(ST_MakeLine(points), -360 * coalesce(world, round(last_x / 360)::int), 0);
  end if;
  return ST_SetSRID(ST_Collect(parts), ST_SRID(line));
end $f$;
`;

/** `sluice_wrap_ring` does the same with the area inside a ring. */
const WRAP_RING = `
create or replace function sluice_wrap_ring(ring geometry) returns geometry language sql immutable as $f$
  select case when ST_XMin(area) >= -180 and ST_XMax(area) <= 180 then area else (
    select ST_CollectionExtract(ST_Union(ST_Translate(ST_Intersection(area,
        ST_MakeEnvelope(360 * world - 180, -90, 360 * world + 180, 90, ST_SRID(area))), -360 * world, 0)), 3)
      from generate_series(
        floor((ST_XMin(area) + 180) / 360)::int, ceil((ST_XMax(area) - 180) / 360)::int) as world) end
  from (
    select case when ST_IsValid(polygon) then polygon else ST_CollectionExtract(ST_MakeValid(polygon), 3) end as area
    from (select ST_MakePolygon(ring) as polygon offset 0) as polygons offset 0) as areas
$f$;
`;

/** `sluice_split_part`: the pieces of a point, line or polygon in degrees; null when ST_Transform is right. */
const SPLIT_PART = `
create or replace function sluice_split_part(part geometry, srid int, step float8) returns geometry
language plpgsql stable as $f$
declare
  ring record; shell geometry; area geometry; holes geometry[] := '{}'; is_changed boolean := false; image geometry;
begin
  case ST_Dimension(part)
    when 0 then
      image := case when srid is null then part else ST_Transform(part, srid) end;
      return case when abs(ST_X(image)) > 180 then ST_Translate(image, -360 * round(ST_X(image) / 360), 0) end;
    when 1 then
      return (select sluice_wrap_line(u.unwrapped) from sluice_unwrap(part, srid, step, false) as u where u.changed);
    else
      for ring in
        select d.path[1] as position, u.changed, coalesce(u.unwrapped,
            case when srid is null then ST_ExteriorRing(d.geom) else ST_Transform(ST_ExteriorRing(d.geom), srid) end)
            as line
        from ST_DumpRings(part) as d, lateral sluice_unwrap(ST_ExteriorRing(d.geom), srid, step, true) as u
      loop
        is_changed := is_changed or ring.changed;
        area := sluice_wrap_ring(ring.line);
        if ring.position = 0 then shell := area; else holes := holes || area; end if;
      end loop;
      return case when not is_changed then null
        when cardinality(holes) = 0 then shell
        else ST_CollectionExtract(ST_Difference(shell, ST_Union(holes)), 3) end;
  end case;
end $f$;
`;

/** `sluice_split`: the same for a geometry of any type. `plain` is the result of ST_Transform. */
const SPLIT = `
create or replace function sluice_split(source geometry, plain geometry, srid int, step float8) returns geometry
language sql stable as $f$
  select case when not bool_or(is_changed) then null
      when GeometryType(plain) = 'GEOMETRYCOLLECTION' then ST_ForceCollection(ST_Collect(piece order by n, m))
      when GeometryType(plain) like 'MULTI%' or count(*) > 1 then ST_Multi(ST_Collect(piece order by n, m))
      else (array_agg(piece))[1] end
  from (
    select n, pieces.path as m, split is not null as is_changed, pieces.geom as piece
    from (
      select geom, row_number() over () as n, sluice_split_part(geom, srid, step) as split
      from ST_Dump(source) where not ST_IsEmpty(geom) offset 0) as parts,
    lateral ST_Dump(coalesce(split, case when srid is null then geom else ST_Transform(geom, srid) end)) as pieces
  ) as all_pieces
$f$;
`;

/**
 * `sluice_is_torn`: whether a projection tears a geometry: the image of one short part of its border is long. True when
 * a part cannot be transformed. `plain` is the result of ST_Transform.
 */
const IS_TORN = `
create or replace function sluice_is_torn(source geometry, plain geometry) returns boolean
language plpgsql stable as $f$
declare
  dense geometry;
  size constant float8 := greatest(ST_XMax(plain) - ST_XMin(plain), ST_YMax(plain) - ST_YMin(plain));
begin
  dense := ST_Transform(
    ST_Segmentize(source, greatest(ST_XMax(source) - ST_XMin(source), ST_YMax(source) - ST_YMin(source)) / 200),
    ST_SRID(plain));
  return ST_NPoints(ST_Segmentize(dense, size / 4)) > ST_NPoints(dense);
exception when internal_error or data_exception then
  return true;
end $f$;
`;

export const SPLIT_FUNCTIONS = [UNWRAP, WRAP_LINE, WRAP_RING, SPLIT_PART, SPLIT].join('');
export const TORN_FUNCTION = IS_TORN;
