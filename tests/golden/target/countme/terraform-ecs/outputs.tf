# What 'fairlead deploy --to ecs' asks for.

output "repository" {
  description = "Where the image is pushed to."
  value       = aws_ecr_repository.app.repository_url
}

output "cluster" {
  value = aws_ecs_cluster.main.name
}

output "release" {
  description = "How to run the release command, once for each deployment."
  value = length(local.app.release_command) == 0 ? null : {
    task    = aws_ecs_task_definition.process["release"].arn
    network = "awsvpcConfiguration={subnets=[${join(",", aws_subnet.private[*].id)}],securityGroups=[${aws_security_group.app.id}]}"
  }
}

output "address" {
  value = "https://${var.hosts[0]}/"
}
