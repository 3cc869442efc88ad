/** A column as the catalog knows it. */
export interface TableColumn {
  name: string;
  /** As format_type() names it: `numeric(10,2)`, `timestamp with time zone`, `integer[]`. */
  type: string;
  /** pg_type.typname; of the elements when it is an array. */
  base: string;
  array: boolean;
}
