# Encrypted, backed up, reached from the app alone.

resource "aws_db_subnet_group" "main" {
  count      = local.app.database ? 1 : 0
  name       = local.name
  subnet_ids = aws_subnet.private[*].id
}

resource "aws_db_instance" "main" {
  count          = local.app.database ? 1 : 0
  identifier     = local.name
  engine         = "postgres"
  engine_version = "15"
  instance_class = var.database_class

  allocated_storage     = var.database_gigabytes
  max_allocated_storage = var.database_gigabytes * 5
  storage_type          = "gp3"
  storage_encrypted     = true

  db_name                     = local.app.database_name
  username                    = "app"
  manage_master_user_password = true

  db_subnet_group_name   = aws_db_subnet_group.main[0].name
  vpc_security_group_ids = [aws_security_group.data.id]
  publicly_accessible    = false
  multi_az               = local.careful

  # Any moment of these days can be restored.
  backup_retention_period         = local.app.backup_days
  copy_tags_to_snapshot           = true
  deletion_protection             = local.careful
  skip_final_snapshot             = !local.careful
  final_snapshot_identifier       = "${local.name}-final"
  auto_minor_version_upgrade      = true
  performance_insights_enabled    = true
  enabled_cloudwatch_logs_exports = ["postgresql"]
}

resource "aws_elasticache_subnet_group" "main" {
  count      = local.app.cache ? 1 : 0
  name       = local.name
  subnet_ids = aws_subnet.private[*].id
}

resource "aws_elasticache_replication_group" "main" {
  count                      = local.app.cache ? 1 : 0
  replication_group_id       = local.name
  description                = "Redis of ${local.name}"
  engine                     = "redis"
  engine_version             = "7.1"
  node_type                  = var.cache_class
  num_cache_clusters         = local.careful ? 2 : 1
  automatic_failover_enabled = local.careful
  subnet_group_name          = aws_elasticache_subnet_group.main[0].name
  security_group_ids         = [aws_security_group.data.id]
  at_rest_encryption_enabled = true
  transit_encryption_enabled = true
  transit_encryption_mode    = "preferred" # redis:// and rediss:// alike
  snapshot_retention_limit   = local.careful ? 7 : 1
}

# Made empty; values are put in by hand: aws secretsmanager put-secret-value.
resource "aws_secretsmanager_secret" "app" {
  for_each                = toset(local.app.secrets)
  name                    = "${local.name}/${each.value}"
  recovery_window_in_days = local.careful ? 30 : 7
}
