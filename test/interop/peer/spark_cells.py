"""Evaluates expressions over a grid of values, cell by cell, so that an error spoils its own cell alone.

Catalyst's own optimized and compiled expressions run in the driver; a class of a few lines, compiled by the Janino that Spark brings, walks
the product of the columns' values.
"""

JAVA = r"""
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.*;
import org.apache.spark.sql.catalyst.plans.logical.*;
import org.apache.spark.sql.types.*;

public class VarveCells {
  private final org.apache.spark.sql.classic.Dataset frame;
  private final java.util.Map values = new java.util.HashMap();

  public VarveCells(Object frame) { this.frame = (org.apache.spark.sql.classic.Dataset) frame; }

  public void put(String column, Object rows) {
    org.apache.spark.sql.classic.Dataset data = (org.apache.spark.sql.classic.Dataset) rows;
    InternalRow[] found = (InternalRow[]) data.queryExecution().executedPlan().executeCollect();
    DataType type = data.schema().fields()[0].dataType();
    Object[] list = new Object[found.length];
    for (int i = 0; i < found.length; i++) list[i] = found[i].isNullAt(0) ? null : found[i].get(0, type);
    values.put(column, list);
  }

  /** A line for the result's type and one for each cell, `~` for null; or the one line of the analysis' message. */
  public String evaluate(String text, java.util.List columns) {
    java.util.List found = cells(text, columns);
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < found.size(); i++) {
      if (i > 0) out.append('\n');
      out.append(found.get(i) == null ? "~" : String.valueOf(found.get(i)).replace('\n', ' '));
    }
    return out.toString();
  }

  private java.util.List cells(String text, java.util.List columns) {
    java.util.List out = new java.util.ArrayList();
    org.apache.spark.sql.classic.Dataset result;
    LogicalPlan plan;
    try {
      result = (org.apache.spark.sql.classic.Dataset) frame.selectExpr(new String[] { text });
      plan = result.queryExecution().optimizedPlan();
    } catch (Throwable e) {
      out.add("analysis: " + e.getMessage());
      return out;
    }
    DataType type = result.schema().fields()[0].dataType();
    out.add(type.catalogString());
    java.util.List steps = new java.util.ArrayList();
    LogicalPlan leaf = plan;
    while (leaf instanceof Project) {
      Project project = (Project) leaf;
      leaf = (LogicalPlan) project.child();
      steps.add(0, UnsafeProjection$.MODULE$.create(project.projectList().toSeq(), leaf.output()));
    }
    if (!(leaf instanceof LeafNode)) throw new RuntimeException("unexpected plan: " + plan);
    java.util.Map places = new java.util.HashMap();
    for (int i = 0; i < leaf.output().size(); i++) places.put(((Attribute) leaf.output().apply(i)).name(), Integer.valueOf(i));
    int[] indexes = new int[columns.size()];
    Object[] row = new Object[leaf.output().size()];
    while (true) {
      for (int i = 0; i < indexes.length; i++) {
        Object place = places.get(columns.get(i));
        if (place != null) row[((Integer) place).intValue()] = ((Object[]) values.get(columns.get(i)))[indexes[i]];
      }
      out.add(cell(steps, new GenericInternalRow(row), type));
      int at = indexes.length - 1;
      while (at >= 0 && ++indexes[at] == ((Object[]) values.get(columns.get(at))).length) indexes[at--] = 0;
      if (at < 0) return out;
    }
  }

  private static String cell(java.util.List steps, InternalRow input, DataType type) {
    InternalRow row = input;
    try {
      for (int i = 0; i < steps.size(); i++) row = (InternalRow) ((UnsafeProjection) steps.get(i)).apply(row);
    } catch (Throwable e) { // a text too long for Java's memory is an error too
      return "!";
    }
    if (row.isNullAt(0)) return null;
    Object value = row.get(0, type);
    if (value instanceof org.apache.spark.unsafe.types.UTF8String) return hex(((org.apache.spark.unsafe.types.UTF8String) value).getBytes());
    if (value instanceof byte[]) return hex((byte[]) value);
    if (value instanceof Float) return Double.toString(((Float) value).doubleValue());
    if (value instanceof Decimal) return ((Decimal) value).toJavaBigDecimal().toPlainString();
    return String.valueOf(value);
  }

  private static String hex(byte[] bytes) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < bytes.length; i++) text.append(String.format("%02X", new Object[] { Byte.valueOf(bytes[i]) }));
    return text.toString();
  }
}
"""


class SparkCells:
    def __init__(self, spark, columns, values):
        """`columns` are names with DDL types, `values` SQL texts of the values by column."""
        jvm = spark._jvm
        compiler = jvm.org.codehaus.janino.SimpleCompiler()
        compiler.setParentClassLoader(jvm.java.lang.Thread.currentThread().getContextClassLoader())
        compiler.cook(JAVA)
        frame = spark.createDataFrame(spark.sparkContext.emptyRDD(), ", ".join(f"`{name}` {kind}" for name, kind in columns))
        made = compiler.getClassLoader().loadClass("VarveCells").getConstructors()[0]
        arguments = spark.sparkContext._gateway.new_array(jvm.java.lang.Object, 1)
        arguments[0] = frame._jdf
        self._cells = made.newInstance(arguments)
        self._jvm = jvm
        sources = {}
        for name, texts in values.items():
            key = tuple(texts)
            if key not in sources:
                sources[key] = spark.sql(" UNION ALL ".join(f"SELECT {text} AS v" for text in texts))
            self._cells.put(name, sources[key]._jdf)

    def evaluate(self, expression, columns):
        names = self._jvm.java.util.ArrayList()
        for name in columns:
            names.add(name)
        return [None if cell == "~" else cell for cell in self._cells.evaluate(expression, names).split("\n")]
