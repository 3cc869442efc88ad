/** SQL about surfaces: TINs, triangles and polyhedral surfaces, which GeoParquet does not store. */

/** SQL: whether a geometry collection has a surface in it. */
export function hasNestedSurface(geometry: string): string {
  return `ST_Summary(${geometry}) ~* '\\m(tin|triangle|polyhedralsurface)\\M'`;
}

/**
 * SQL for the faces of a surface as one multipolygon. The parts of a collection with a surface, and the faces, become
 * one collection. Other geometries are unchanged.
 */
export function polygonsOf(geometry: string): string {
  return `case when GeometryType(${geometry}) in ('TIN', 'TRIANGLE', 'POLYHEDRALSURFACE')
      or (GeometryType(${geometry}) = 'GEOMETRYCOLLECTION' and ${hasNestedSurface(geometry)}) then
      (select ST_Multi(ST_Collect(
         case when GeometryType(face.geom) = 'TRIANGLE' then ST_MakePolygon(ST_ExteriorRing(face.geom))
         else face.geom end))
       from ST_Dump(${geometry}) as face)
    else ${geometry} end`;
}
