"""Trades are numbered once more: fills of a taker at one price share a number. One told before this has its own id."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("archive", "0006_fee_assets"),
    ]

    operations = [
        migrations.AddField(
            model_name="archivedtrade",
            name="aggregate_id",
            field=models.BigIntegerField(default=0),
            preserve_default=False,
        ),
        migrations.RunSQL("UPDATE archive_archivedtrade SET aggregate_id = trade_id", migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name="archivedtrade",
            index=models.Index(fields=["venue", "symbol", "aggregate_id"], name="trades_by_aggregate"),
        ),
    ]
